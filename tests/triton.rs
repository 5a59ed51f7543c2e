// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx triton-repository`: what protobuf's own parser reads in the configuration, and what a
//! real Triton server makes of the repository; and the examples of docs/scaling.

pub(crate) mod server;

use gstdptdepth::checkpoint::Checkpoint;
use gstdptdepth::graph;
use gstdptdepth::model::Model;
use gstdptdepth::spec::ModelSpec;
use serde_json::{Value, json};
use server::{Triton, installed};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/dpt")
        .join(path)
}

/// `dpt-onnx triton-repository CHECKPOINT -o REPOSITORY` and more arguments.
fn write(checkpoint: &Path, repository: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dpt-onnx"))
        .arg("triton-repository")
        .arg(checkpoint)
        .arg("-o")
        .arg(repository)
        .args(arguments)
        .output()
        .unwrap()
}

fn good(checkpoint: &Path, repository: &Path, arguments: &[&str]) {
    let output = write(checkpoint, repository, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}

/// What `client.py` prints, a value a line.
fn client(arguments: &[&str]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/triton/client.py");
    let output = Command::new("/usr/bin/python3")
        .arg(script)
        .args(arguments)
        .env("PYTHONPATH", installed().join("site"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| serde_json::from_str(line).unwrap();
    text.lines().map(line).collect()
}

/// A model's configuration as protobuf's parser reads it.
fn parsed(model: &Path) -> Value {
    let path = model.join("config.pbtxt");
    client(&["parse", path.to_str().unwrap()]).remove(0)
}

fn spec(config: &Value) -> ModelSpec {
    let text = &config["parameters"][ModelSpec::PARAMETER_KEY]["string_value"];
    ModelSpec::from_json(text.as_str().unwrap()).unwrap()
}

/// Every file below a folder, by its relative path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_same_checkpoint_gives_the_same_repository() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "deep/two"].map(|name| folder.path().join(name));
    let options = ["--external-data", "--name", "m"];
    for repository in [&one, &two] {
        good(&data("vit-project"), repository, &options);
    }
    let written = files(&one);
    let names: Vec<_> = written.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["m/1/model.onnx", "m/1/model.onnx.data", "m/config.pbtxt"]
    );
    assert!(written == files(&two), "bytes differ");
    let summary = graph::inspect(&one.join("m/1/model.onnx")).unwrap();
    let sides = [None, Some(32), Some(32), Some(3)];
    assert_eq!(summary.inputs[0].dims, sides, "the first side is free");
    // Replacing gives the same once more, and leaves nothing of the old model.
    fs::write(one.join("m/stray"), "").unwrap();
    good(
        &data("vit-project"),
        &one,
        &[&options[..], &["--force"]].concat(),
    );
    assert!(files(&one) == written, "bytes differ");
}

#[test]
fn mistakes_leave_the_repository_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("models");
    let foreign = repository.join("foreign");
    let cases: [(&[&str], i32, &str); 9] = [
        (&["--name", "../out"], 2, "letters, digits"),
        (&["--max-batch", "0"], 2, "1..=1024"),
        (&["--size", "50x64"], 1, "multiple of 16"),
        (&["--preferred-batch", "4,9"], 1, "--max-batch, 8"),
        (&["--engine-cache", "/c"], 1, "--accelerator tensorrt"),
        (&["--precision", "bf16"], 1, "--accelerator tensorrt"),
        (
            &["--kind", "cpu", "--accelerator", "tensorrt"],
            1,
            "leave --kind out",
        ),
        (&["--name", "taken"], 1, "--force"),
        (&["--name", "foreign", "--force"], 1, "remove it yourself"),
    ];
    for (arguments, code, part) in cases {
        if arguments.contains(&"taken") {
            // Until then even the folder of the repository is gone after a failure.
            assert!(!repository.exists());
            good(&data("vit-project"), &repository, &["--name", "taken"]);
            fs::create_dir(&foreign).unwrap();
            fs::write(foreign.join("thesis.tex"), "years of work").unwrap();
        }
        let before = repository.exists().then(|| files(&repository));
        let output = write(&data("vit-project"), &repository, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{part:?} is not in {stderr}");
        let after = repository.exists().then(|| files(&repository));
        assert!(before == after, "{arguments:?} changed the repository");
    }
    let entries = fs::read_dir(&repository).unwrap().count();
    assert_eq!(entries, 2, "nothing half-written is left");
}

#[test]
fn protobuf_reads_every_option() {
    let folder = tempfile::tempdir().unwrap();
    good(
        &data("vit-segmentation"),
        folder.path(),
        &[
            "--name=m",
            "--size=32x48",
            "--input=pixel-values",
            "--max-batch=6",
            "--queue-delay=1500",
            "--preferred-batch=2,6",
            "--max-queue=50",
            "--instances=3",
            "--accelerator=tensorrt",
            "--precision=bf16",
            "--engine-cache=/var/cache/\"tri\\ton\"",
        ],
    );
    let mut config = parsed(&folder.path().join("m"));
    config.as_object_mut().unwrap().remove("parameters");
    let accelerators = &config["optimization"]["execution_accelerators"];
    let told = &accelerators["gpu_execution_accelerator"][0]["parameters"];
    let cache = told["trt_engine_cache_path"].as_str().unwrap().to_owned();
    assert!(cache.starts_with("/var/cache/\"tri\\ton\"/m-"), "{cache}");
    let warm_up = |name: &str, batch: u32| {
        let picture =
            json!({"data_type": "TYPE_FP32", "dims": ["3", "32", "48"], "zero_data": true});
        json!({"name": name, "batch_size": batch, "inputs": {"pixel_values": picture}})
    };
    // 64-bit numbers are strings in protobuf's JSON.
    let expected = json!({
        "name": "m",
        "backend": "onnxruntime",
        "max_batch_size": 6,
        "input": [{
            "name": "pixel_values",
            "data_type": "TYPE_FP32",
            "dims": ["3", "32", "48"],
            "format": "FORMAT_NCHW",
        }],
        "output": [{"name": "labels", "data_type": "TYPE_UINT8", "dims": ["32", "64"]}],
        "dynamic_batching": {
            "preferred_batch_size": [2, 6],
            "max_queue_delay_microseconds": "1500",
            "default_queue_policy": {"allow_timeout_override": true, "max_queue_size": 50},
        },
        "instance_group": [{"count": 3, "kind": "KIND_GPU"}],
        "optimization": {"execution_accelerators": {"gpu_execution_accelerator": [{
            "name": "tensorrt",
            "parameters": {
                "precision_mode": "BF16",
                "trt_profile_min_shapes": "pixel_values:1x3x32x48",
                "trt_profile_opt_shapes": "pixel_values:6x3x32x48",
                "trt_profile_max_shapes": "pixel_values:6x3x32x48",
                "trt_engine_cache_enable": "1",
                "trt_engine_cache_path": cache,
            },
        }]}},
        "model_warmup": [warm_up("one", 1), warm_up("most", 6)],
    });
    assert_eq!(config, expected);
}

/// ONNX Runtime's names for engines have neither weights nor sizes in them, so each graph has a folder.
#[test]
fn no_two_graphs_share_a_folder_of_engines() {
    let folder = tempfile::tempdir().unwrap();
    let cache = |name: &str, checkpoint: &str, more: &[&str]| {
        let own = [
            "--name",
            name,
            "--accelerator=tensorrt",
            "--engine-cache=/c",
        ];
        let arguments = [own.as_slice(), more].concat();
        good(&data(checkpoint), folder.path(), &arguments);
        let config = parsed(&folder.path().join(name));
        let accelerators = &config["optimization"]["execution_accelerators"];
        let told = &accelerators["gpu_execution_accelerator"][0]["parameters"];
        let path = told["trt_engine_cache_path"].as_str().unwrap();
        path.strip_prefix(&format!("/c/{name}-"))
            .unwrap()
            .to_owned()
    };
    let first = cache("a", "vit-project", &["--size=32x48"]);
    // The same graph has the same folder, and with its weights beside it another one that is its own.
    assert_eq!(first, cache("b", "vit-project", &["--size=32x48"]));
    let mut seen = vec![first];
    for (name, checkpoint, more) in [
        ("c", "vit-project", "--size=48x32"),
        ("d", "vit-add", "--size=32x48"),
        ("e", "vit-project", "--precision=fp32"),
    ] {
        let other = cache(name, checkpoint, &[more]);
        assert!(!seen.contains(&other), "{name}");
        seen.push(other);
    }
    // Other weights alone are enough.
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    for entry in fs::read_dir(data("vit-project")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, other.join(path.file_name().unwrap())).unwrap();
    }
    let weights = other.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    // The highest bits of a small number: its sign.
    let last = bytes.len() - 1;
    bytes[last] ^= 0x80;
    fs::write(&weights, bytes).unwrap();
    let changed = cache("f", other.to_str().unwrap(), &["--size=32x48"]);
    assert!(!seen.contains(&changed));
}

/// Options of CUDA's provider are written where it may run, and 32 bits mean 32 where they are asked for.
#[test]
fn cuda_is_told_how_to_choose_and_how_to_round() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, arguments: &[&str]| {
        let arguments = [&["--size=32x48", "--name", name], arguments].concat();
        good(&data("vit-project"), folder.path(), &arguments);
        let config = parsed(&folder.path().join(name));
        let search = config["parameters"]["cudnn_conv_algo_search"]["string_value"].clone();
        let accelerators = &config["optimization"]["execution_accelerators"];
        let cuda = accelerators["gpu_execution_accelerator"].clone();
        (search, cuda)
    };
    let exact = json!([{"name": "cuda", "parameters": {"use_tf32": "0"}}]);
    assert_eq!(written("a", &[]), (json!("1"), Value::Null));
    assert_eq!(written("b", &["--precision=fp32"]), (json!("1"), exact));
    let cpu = ["--kind=cpu", "--precision=fp32"];
    assert_eq!(written("c", &cpu), (Value::Null, Value::Null));
}

/// TensorRT follows the graph's own types in FP32 mode only.
#[test]
fn graphs_for_tensorrt_say_themselves_what_is_in_16_bits() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, arguments: &[&str]| {
        let arguments = [&["--size=64x64", "--name", name], arguments].concat();
        good(&data("vit-project"), folder.path(), &arguments);
        let model = folder.path().join(name);
        let bytes = fs::metadata(model.join("1/model.onnx")).unwrap().len();
        let accelerator =
            parsed(&model)["optimization"]["execution_accelerators"]["gpu_execution_accelerator"]
                [0]
            .clone();
        (bytes, accelerator["parameters"]["precision_mode"].clone())
    };
    let full = written("full", &[]);
    let half = written("half", &["--precision=fp16"]);
    assert!(half.0 * 10 < full.0 * 7, "{half:?} of {full:?}");
    let tensorrt = written("tensorrt", &["--accelerator=tensorrt"]);
    assert_eq!(tensorrt, (half.0, json!("FP32")));
    let told = ["--accelerator=tensorrt", "--precision=fp32"];
    assert_eq!(written("told", &told), (full.0, json!("FP32")));
}

#[test]
fn the_spec_survives_whatever_a_checkpoint_names_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("hostile");
    fs::create_dir(&checkpoint).unwrap();
    for entry in fs::read_dir(data("vit-segmentation")).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_str().unwrap().contains("golden") {
            fs::copy(&path, checkpoint.join(path.file_name().unwrap())).unwrap();
        }
    }
    let names = [
        "\"quoted\" \\ back\\\\slash\\n",
        "two\nlines\r\tand a tab",
        "Stra\u{df}e 1, \u{9053}\u{8def}7 \u{1f6b2}",
        "\" } parameters { key: \"x\" value { string_value: \"",
        "# comment ' {}[]<>;",
        "\u{0}\u{1}\u{7f}",
        "",
    ];
    let file = checkpoint.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for (index, name) in names.iter().enumerate() {
        config["id2label"][index.to_string()] = json!(name);
    }
    fs::write(&file, config.to_string()).unwrap();
    good(&checkpoint, folder.path(), &["--name=m"]);
    let config = parsed(&folder.path().join("m"));
    // Nothing of a name has become a parameter.
    let parameters = config["parameters"].as_object().unwrap();
    let keys: Vec<&String> = parameters.keys().collect();
    assert_eq!(keys, ["cudnn_conv_algo_search", "dptdepth"]);
    let read = spec(&config);
    assert_eq!(read, *Model::open(&checkpoint).unwrap().spec());
    assert_eq!(read.labels, names);
}

/// Triton answers what transformers' own model answers (the golden values), and says of the model
/// what the element needs.
#[test]
fn triton_serves_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("models");
    let options = ["--input=pixel-values", "--size=48x32"];
    good(
        &data("vit-project"),
        &repository,
        &[&options[..], &["--name=depth"]].concat(),
    );
    good(
        &data("vit-segmentation"),
        &repository,
        &[&options[..], &["--name=classes"]].concat(),
    );
    good(
        &data("vit-project"),
        &repository,
        &[
            "--name=rgb",
            "--size=48x32",
            "--external-data",
            "--kind=cpu",
        ],
    );
    let triton = Triton::start(&repository, &folder.path().join("log"), &[]);

    for (name, case, output, datatype) in [
        ("depth", "vit-project", "predicted_depth", "FP32"),
        ("classes", "vit-segmentation", "labels", "UINT8"),
    ] {
        let golden = Checkpoint::open(&data(case).join("golden-48x32.safetensors")).unwrap();
        let input = golden.tensor("input").unwrap();
        let (said, answer) = ask(
            &triton,
            folder.path(),
            name,
            bytemuck::cast_slice(input.as_slice().unwrap()),
            1,
        );
        assert_eq!(
            said["metadata"]["inputs"][0]["shape"],
            json!(["-1", "3", "48", "32"])
        );
        assert_eq!(said["metadata"]["outputs"][0]["name"], output);
        assert_eq!(said["metadata"]["outputs"][0]["datatype"], datatype);
        assert_eq!(
            spec(&said["config"]),
            *Model::open(&data(case)).unwrap().spec()
        );
        let expected = golden.tensor(output).unwrap();
        let got: Vec<f32> = match datatype {
            "UINT8" => answer.iter().map(|class| f32::from(*class)).collect(),
            _ => floats(&answer),
        };
        assert_eq!(got.len(), expected.as_slice().unwrap().len());
        let far = |tolerance: f32| {
            let pairs = got.iter().zip(expected.as_slice().unwrap());
            pairs.filter(|(a, b)| (*a - *b).abs() > tolerance).count()
        };
        // fp32 on both sides; the sums are in another order. A class may change where two tie.
        match datatype {
            "UINT8" => assert!(far(0.0) <= got.len() / 500, "{} classes differ", far(0.0)),
            _ => assert_eq!(far(1e-4 * range(expected.as_slice().unwrap())), 0),
        }
    }

    // Bytes, normalised by the graph, are the same as floats, normalised by hand.
    let bytes: Vec<u8> = (0..48 * 32 * 3u32).map(|i| (i * i % 251) as u8).collect();
    let rgb_spec = Model::open(&data("vit-project")).unwrap();
    let (mean, std) = (rgb_spec.spec().mean, rgb_spec.spec().std);
    let planes: Vec<f32> = (0..3)
        .flat_map(|c| {
            bytes
                .iter()
                .skip(c)
                .step_by(3)
                .map(move |v| (f32::from(*v) / 255.0, c))
        })
        .map(|(value, c)| (value - mean[c]) / std[c])
        .collect();
    let (said, from_bytes) = ask(&triton, folder.path(), "rgb", &bytes, 1);
    assert_eq!(
        said["metadata"]["inputs"][0]["shape"],
        json!(["-1", "48", "32", "3"])
    );
    let (_, from_floats) = ask(
        &triton,
        folder.path(),
        "depth",
        bytemuck::cast_slice(&planes),
        1,
    );
    let (from_bytes, from_floats) = (floats(&from_bytes), floats(&from_floats));
    let tolerance = 1e-4 * range(&from_floats);
    for (a, b) in from_bytes.iter().zip(&from_floats) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }
}

/// Requests that come at once share a run, each gets its own answer.
#[test]
fn triton_batches_what_comes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("models");
    good(
        &data("vit-project"),
        &repository,
        // So long a delay that only the preferred size ends the wait.
        &[
            "--name=m",
            "--preferred-batch=4",
            "--queue-delay=10000000",
            "--no-warmup",
        ],
    );
    let triton = Triton::start(&repository, &folder.path().join("log"), &[]);
    let picture: Vec<u8> = (0..32 * 32 * 3u32).map(|i| (i * 7 % 256) as u8).collect();
    let (said, answers) = ask(&triton, folder.path(), "m", &picture, 4);
    assert_eq!(said["batches"], json!({"4": 1}), "{said}");
    let one = answers.len() / 4;
    assert_eq!(one, 32 * 32 * 4);
    let values = floats(&answers);
    assert!(range(&values) > 0.0);
    for answer in answers.chunks(one) {
        assert_eq!(answer, &answers[..one]);
    }
}

/// Every list of strings in a document, and every text as its words.
fn commands(document: &Value, found: &mut Vec<Vec<String>>) {
    match document {
        Value::Object(fields) => fields.values().for_each(|value| commands(value, found)),
        Value::Array(values) => {
            let words: Option<Vec<_>> = values.iter().map(Value::as_str).collect();
            match words {
                Some(words) => found.push(words.into_iter().map(String::from).collect()),
                None => values.iter().for_each(|value| commands(value, found)),
            }
        }
        Value::String(text) => found.push(text.split_whitespace().map(String::from).collect()),
        _ => {}
    }
}

/// The examples of docs/scaling start a server with options that it has, and pipelines with
/// properties that the documents list.
#[test]
fn the_examples_ask_for_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let site = installed().join("site");
    let help = Command::new(site.join("pytriton/tritonserver/bin/tritonserver"))
        .arg("--help")
        .env("LD_LIBRARY_PATH", site.join("nvidia_pytriton.libs"))
        .output()
        .unwrap();
    let help = String::from_utf8([help.stdout, help.stderr].concat()).unwrap();
    let documents = ["README.md", "docs/scaling.md"];
    let documents = documents.map(|name| fs::read_to_string(root.join(name)).unwrap());
    let (mut options, mut properties) = (0, 0);
    for example in ["compose.yaml", "kubernetes.yaml"] {
        let path = root.join("docs/scaling").join(example);
        let mut found = Vec::new();
        for document in client(&["yaml", path.to_str().unwrap()]) {
            commands(&document, &mut found);
        }
        let of = |program: &str| {
            let mut commands = found
                .iter()
                .filter(|words| words.first().is_some_and(|word| word == program));
            let command = commands
                .next()
                .unwrap_or_else(|| panic!("{example} starts {program}"));
            assert!(commands.next().is_none(), "{example} starts {program} once");
            &command[1..]
        };
        for option in of("tritonserver") {
            let (name, _) = option.split_once('=').unwrap();
            assert!(help.contains(&format!("{name} <")), "{example}: {option}");
            options += 1;
        }
        let pipeline = of("gst-launch-1.0").split(|word| word == "!");
        for element in pipeline.filter(|words| words[0] == "dptdepth") {
            for property in &element[1..] {
                let (name, _) = property.split_once('=').unwrap();
                let listed = |text: &String| text.contains(&format!("`{name}"));
                assert!(documents.iter().any(listed), "{example}: {property}");
                properties += 1;
            }
        }
    }
    assert!(options >= 5 && properties >= 10, "{options} {properties}");
}

/// Sends a picture so many times at once. What the server says of the model, and the answers' bytes.
fn ask(
    triton: &Triton,
    folder: &Path,
    model: &str,
    picture: &[u8],
    count: usize,
) -> (Value, Vec<u8>) {
    let [input, output] = ["in", "out"].map(|name| folder.join(name));
    fs::write(&input, picture).unwrap();
    let said = client(&[
        "infer",
        &triton.grpc().to_string(),
        model,
        input.to_str().unwrap(),
        output.to_str().unwrap(),
        &count.to_string(),
    ])
    .remove(0);
    (said, fs::read(&output).unwrap())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    values
        .iter()
        .map(|value| f32::from_le_bytes(*value))
        .collect()
}

fn range(values: &[f32]) -> f32 {
    let ends = |(low, high): (f32, f32), value: &f32| (low.min(*value), high.max(*value));
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), ends);
    high - low
}
