// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use super::*;
use crate::graph::inspect;
use crate::graph::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto,
    TensorProto, TrainingInfoProto, ValueInfoProto,
};
use std::fs;

fn tensor(entries: &[(&str, &str)]) -> TensorProto {
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: Some((*key).into()),
        value: Some((*value).into()),
    };
    TensorProto {
        dims: vec![2],
        data_type: Some(DataType::Float as i32),
        data_location: Some(1),
        external_data: entries.iter().map(entry).collect(),
        ..Default::default()
    }
}

fn graph(node: Vec<NodeProto>) -> GraphProto {
    GraphProto {
        node,
        output: vec![ValueInfoProto::default()],
        ..Default::default()
    }
}

fn node(attribute: AttributeProto) -> NodeProto {
    NodeProto {
        attribute: vec![attribute],
        ..Default::default()
    }
}

/// Models with the tensor in every place that there is.
fn models(tensor: &TensorProto) -> Vec<(&'static str, Vec<u8>)> {
    let sparse = [true, false].map(|is_value| SparseTensorProto {
        values: is_value.then(|| tensor.clone()),
        indices: (!is_value).then(|| tensor.clone()),
        ..Default::default()
    });
    let constants = GraphProto {
        initializer: vec![tensor.clone()],
        ..graph(vec![])
    };
    let attribute = AttributeProto::default;
    let attributes = [
        (
            "tensor",
            AttributeProto {
                t: Some(tensor.clone()),
                ..attribute()
            },
        ),
        (
            "tensors",
            AttributeProto {
                tensors: vec![tensor.clone()],
                ..attribute()
            },
        ),
        (
            "graph",
            AttributeProto {
                g: Some(constants.clone()),
                ..attribute()
            },
        ),
        (
            "graphs",
            AttributeProto {
                graphs: vec![constants.clone()],
                ..attribute()
            },
        ),
        (
            "sparse",
            AttributeProto {
                sparse_tensor: Some(sparse[0].clone()),
                ..attribute()
            },
        ),
        (
            "sparses",
            AttributeProto {
                sparse_tensors: sparse.to_vec(),
                ..attribute()
            },
        ),
    ];
    let plain = |graph: GraphProto| ModelProto {
        graph: Some(graph),
        ..Default::default()
    };
    let mut models = vec![("initializer", plain(constants.clone()))];
    for sparse in sparse {
        let sparse_initializer = vec![sparse];
        models.push((
            "sparse initializer",
            plain(GraphProto {
                sparse_initializer,
                ..graph(vec![])
            }),
        ));
    }
    for (place, attribute) in attributes {
        models.push((place, plain(graph(vec![node(attribute.clone())]))));
        let function = |node, attribute_proto| ModelProto {
            functions: vec![FunctionProto {
                node,
                attribute_proto,
                ..Default::default()
            }],
            ..plain(graph(vec![]))
        };
        models.push(("function", function(vec![node(attribute.clone())], vec![])));
        models.push(("function's default", function(vec![], vec![attribute])));
    }
    for is_first in [true, false] {
        let info = TrainingInfoProto {
            initialization: is_first.then(|| constants.clone()),
            algorithm: (!is_first).then(|| constants.clone()),
            ..Default::default()
        };
        models.push((
            "training",
            ModelProto {
                training_info: vec![info],
                ..plain(graph(vec![]))
            },
        ));
    }
    models
        .into_iter()
        .map(|(place, model)| (place, model.encode_to_vec()))
        .collect()
}

#[test]
fn weights_elsewhere_or_out_of_range_are_refused_wherever_they_are_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    fs::create_dir_all(folder.join("*/_ORT_MEM_ADDR_")).unwrap();
    fs::write(folder.join("*/_ORT_MEM_ADDR_/*"), [0; 8]).unwrap();
    fs::write(root.path().join("secret"), [0; 8]).unwrap();
    fs::write(folder.join("weights"), [0; 8]).unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("device")).unwrap();
    let pipe = std::process::Command::new("mkfifo")
        .arg(folder.join("pipe"))
        .status();
    assert!(pipe.unwrap().success());
    let path = folder.join("m.onnx");
    let open = |model: &[u8]| {
        fs::write(&path, model).unwrap();
        inspect(&path).map_err(|error| error.to_string())
    };
    let here = ("location", "weights");
    let good: [&[(&str, &str)]; 3] = [
        &[here],
        &[here, ("offset", "0"), ("length", "8"), ("checksum", "00")],
        &[("location", "./weights")],
    ];
    for entries in good {
        for (place, model) in models(&tensor(entries)) {
            let told = open(&model).err();
            assert_eq!(told, None, "{entries:?} in {place}");
        }
    }
    let bad: [(&[(&str, &str)], &str); 19] = [
        (&[("location", "../secret")], "outside"),
        (&[("location", "/etc/passwd")], "outside"),
        (&[("location", "link")], "outside"),
        (&[("location", "device")], "outside"),
        (&[("location", "folder/../../secret")], "outside"),
        (&[("location", "")], "outside"),
        (&[], "outside"),
        (&[here, ("location", "../secret")], "outside"),
        (&[("location", "../secret"), here], "outside"),
        (&[("location", "*/_ORT_MEM_ADDR_/*")], "outside"),
        (&[("location", "wei\nghts")], "outside"),
        (&[("location", "pipe")], "no regular file"),
        (&[("location", "folder")], "no regular file"),
        (&[("location", "nowhere")], "nowhere"),
        (&[here, ("offset", "1")], "beyond"),
        (&[here, ("length", "9")], "beyond"),
        (&[here, ("offset", "18446744073709551615")], "beyond"),
        (&[here, ("offset", "-8")], "damaged"),
        (&[here, ("length", "many")], "damaged"),
    ];
    for (entries, says) in bad {
        for (place, model) in models(&tensor(entries)) {
            let told = open(&model).err().unwrap_or_default();
            assert!(told.contains(says), "{entries:?} in {place}: {told}");
        }
    }
    let shapes = [vec![3], vec![1 << 62, 1 << 62], vec![-1], vec![1 << 61]];
    for dims in shapes {
        let large = TensorProto {
            dims,
            ..tensor(&[here])
        };
        for (place, model) in models(&large) {
            let told = open(&model).err().unwrap_or_default();
            assert!(
                told.contains("beyond"),
                "{:?} in {place}: {told}",
                large.dims
            );
        }
    }
    // A tensor in two pieces, neither of which is the whole story.
    let location = TensorProto {
        data_location: None,
        ..tensor(&[("location", "../secret")])
    };
    for (place, model) in models(&location) {
        assert!(open(&model).is_err(), "a location alone in {place}");
    }
    let compiled = NodeProto {
        op_type: Some("EPContext".into()),
        ..Default::default()
    };
    let model = ModelProto {
        graph: Some(graph(vec![compiled])),
        ..Default::default()
    };
    assert!(
        open(&model.encode_to_vec())
            .unwrap_err()
            .contains("compiled")
    );
}
