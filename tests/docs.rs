// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The documents' tables are the element's own list of properties and the catalogue of models.
//! `UPDATE=1` writes them anew.

use crate::common::init;
use gst::glib;
use gst::prelude::*;
use gstdptdepth::hub;
use std::fs;
use std::path::Path;

fn type_and_default(pspec: &glib::ParamSpec) -> (String, String) {
    let default = pspec.default_value();
    if let Some(kind) = pspec.downcast_ref::<glib::ParamSpecEnum>() {
        let class = kind.enum_class();
        let nicks: Vec<_> = class.values().iter().map(|value| value.nick()).collect();
        let default = class
            .value(kind.default_value_as_i32())
            .expect("a declared value");
        return (nicks.join(", "), default.nick().to_string());
    }
    let text = match default.type_() {
        glib::Type::STRING => default
            .get::<Option<String>>()
            .expect("a string")
            .unwrap_or_else(|| "NULL".into()),
        glib::Type::U32 => default.get::<u32>().expect("a uint").to_string(),
        glib::Type::U64 => default.get::<u64>().expect("a uint64").to_string(),
        glib::Type::F64 => default.get::<f64>().expect("a double").to_string(),
        glib::Type::BOOL => default.get::<bool>().expect("a bool").to_string(),
        _ => match default.get::<gst::Fraction>() {
            Ok(fraction) => format!("{}/{}", fraction.numer(), fraction.denom()),
            Err(_) => "NULL".into(),
        },
    };
    let name = match default.type_() {
        glib::Type::STRING => "string",
        glib::Type::U32 => "uint",
        glib::Type::U64 => "uint64",
        glib::Type::F64 => "double",
        glib::Type::BOOL => "bool",
        kind if kind == gst::Fraction::static_type() => "fraction",
        _ => "structure",
    };
    (name.into(), text)
}

fn when(pspec: &glib::ParamSpec) -> &'static str {
    let flags = pspec.flags();
    if !flags.contains(glib::ParamFlags::WRITABLE) {
        "read only"
    } else if flags.contains(gst::PARAM_FLAG_CONTROLLABLE) {
        "playing, controllable"
    } else if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
        "playing"
    } else {
        "up to ready"
    }
}

fn table(element: &str) -> String {
    init();
    let element = gst::ElementFactory::make(element).build().unwrap();
    let mut table =
        String::from("| property | type | default | settable | meaning |\n|---|---|---|---|---|\n");
    for pspec in element.list_properties() {
        if pspec.owner_type() != element.type_() {
            continue;
        }
        let (kind, default) = type_and_default(&pspec);
        let default = if when(&pspec) == "read only" {
            ""
        } else {
            &default
        };
        table += &format!(
            "| `{}` | {kind} | {default} | {} | {} |\n",
            pspec.name(),
            when(&pspec),
            pspec.blurb().unwrap_or_default()
        );
    }
    table
}

/// The text between two markers of a document is `table`, or becomes it.
fn keep(document: &str, begin: &str, end: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = fs::read_to_string(&path).unwrap();
    let from = text
        .find(begin)
        .expect("the document has the opening marker")
        + begin.len();
    let to = text.find(end).expect("the document has the closing marker");
    let expected = format!("\n{table}");
    if std::env::var_os("UPDATE").is_some() {
        let text = format!("{}{expected}{}", &text[..from], &text[to..]);
        fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(
        &text[from..to],
        expected,
        "{document} is out of date: run `UPDATE=1 cargo test --test integration docs`"
    );
}

#[test]
fn the_readme_lists_the_elements_properties() {
    for element in ["dptdepth", "dptrender"] {
        keep(
            "README.md",
            &format!("<!-- {element}:begin -->"),
            &format!("<!-- {element}:end -->"),
            &table(element),
        );
    }
}

/// A row of `docs/parity.md`: case, reference, largest and mean error over the range.
struct Row {
    case: String,
    reference: String,
    largest: f64,
    mean: f64,
}

/// The full-size comparisons that `tests/parity.sh` printed, without those of labels.
fn parity_rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/parity.md");
    let text = fs::read_to_string(path).expect("docs/parity.md");
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            Some(Row {
                case: cells.get(1)?.to_string(),
                reference: cells.get(3)?.to_string(),
                largest: cells.get(7)?.trim_matches('*').parse().ok()?,
                mean: cells.get(8)?.trim_matches('*').parse().ok()?,
            })
        })
        .collect()
}

/// The parity script's name for what has this name in the catalogue.
fn case(name: &str) -> String {
    let size = |name: &str| match name {
        "small" => "vits",
        "base" => "vitb",
        "large" => "vitl",
        "giant" => "vitg",
        other => panic!("no size: {other}"),
    };
    let words: Vec<&str> = name.split('-').collect();
    match words.as_slice() {
        ["dpt", "hybrid", kind @ ("ade" | "kitti" | "nyu")] => format!("isl-hybrid-{kind}"),
        ["dpt", "hybrid", "midas", "original"] => "isl-hybrid".into(),
        ["dpt", "large", "original"] => "isl-large".into(),
        ["dpt", "large", "ade", "original"] => "isl-large-ade".into(),
        ["dpt", "beit", which, side, "original"] => format!("midas-beit-{which}-{side}"),
        ["dpt", "swinv2", which, side, "original"] => format!("midas-swin2-{which}-{side}"),
        ["dpt", "dinov2", which, kind, "original"] => format!("dinov2-{}-{kind}", size(which)),
        ["depth", "anything", "v1", which, "original"] => format!("anything-v1-{}", size(which)),
        ["depth", "anything", "v2", which, "original"] => format!("anything-v2-{}", size(which)),
        [
            "depth",
            "anything",
            "v2",
            "metric",
            place,
            which,
            "original",
        ] => {
            let data = if *place == "indoor" {
                "hypersim"
            } else {
                "vkitti"
            };
            format!("anything-v2-{data}-{}", size(which))
        }
        // Depth Anything V2 Small, Base and Large trained anew.
        ["distill", "any", "depth", which, "original"] => format!("anything-v2-{}", size(which)),
        ["depth", "anything", "v1", which] => format!("depth-anything-{which}-hf"),
        ["depth", "anything", ..] | ["distill", ..] => format!("{name}-hf"),
        _ => name.into(),
    }
}

fn state(rows: &[Row], name: &str) -> String {
    let case = case(name);
    let rows: Vec<&Row> = rows.iter().filter(|row| row.case == case).collect();
    let Some(first) = rows.first() else {
        return "not compared at full size".into();
    };
    let most = |value: fn(&Row) -> f64| rows.iter().map(|row| value(row)).fold(0.0, f64::max);
    format!(
        "{}: {:.0e} / {:.0e}",
        first.reference,
        most(|row| row.largest),
        most(|row| row.mean)
    )
}

fn models_table() -> String {
    let mut table = String::from(
        "| name | model | file | licence | parameters | input | gives | checked by | state |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let rows = parity_rows();
    for entry in hub::entries() {
        let page = entry.source.page();
        let files: Vec<_> = entry
            .files
            .iter()
            .map(|file| file.path)
            .filter(|path| !path.ends_with(".json"))
            .collect();
        let hash = |file: &hub::File| match (file.sha256, file.sha256_prefix(), entry.source) {
            (Some(_), _, _) => "SHA-256",
            (None, Some(_), _) => "name",
            (None, None, hub::Source::HuggingFace { .. }) => "hub",
            (None, None, hub::Source::Url { .. }) => "size",
        };
        let weights = entry.files.last().expect("an entry has files");
        table += &format!(
            "| `{}` | {} | [{}]({page}) {} | {}{} | {} | {} | {} | {} | {} |\n",
            entry.name,
            entry.title,
            page.splitn(4, '/')
                .nth(3)
                .expect("a page has a path")
                .replace("/releases/tag/", " "),
            files.join(", "),
            entry.licence,
            if entry.non_commercial { " **NC**" } else { "" },
            entry.parameters,
            entry.input,
            entry.output,
            hash(weights),
            state(&rows, entry.name)
        );
    }
    table
}

#[test]
fn the_models_document_lists_the_catalogue() {
    keep(
        "docs/models.md",
        "<!-- models:begin -->",
        "<!-- models:end -->",
        &models_table(),
    );
}

#[test]
fn the_metadata_document_shows_the_examples() {
    for (file, language) in [
        ("read_depth.c", "c"),
        ("read_depth.py", "python"),
        ("read_depth.rs", "rust"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs/examples")
            .join(file);
        let source = fs::read_to_string(path).unwrap();
        keep(
            "docs/metadata.md",
            &format!("<!-- {file}:begin -->"),
            &format!("<!-- {file}:end -->"),
            &format!("```{language}\n{source}```\n"),
        );
    }
}

#[test]
fn the_tables_of_scaling_are_what_the_simulation_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let simulate = |arguments: &[&std::ffi::OsStr]| {
        let script = root.join("docs/scaling/simulate.py");
        let output = std::process::Command::new("/usr/bin/python3")
            .arg(script)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = simulate(&[]);
    let mut names = Vec::new();
    for section in printed.split_terminator("\n\n") {
        let (name, table) = section.split_once('\n').unwrap();
        let name = name.trim_matches(['[', ']']);
        keep(
            "docs/scaling.md",
            &format!("<!-- simulate:{name}:begin -->"),
            &format!("<!-- simulate:{name}:end -->"),
            &format!("{}\n", table.trim_end()),
        );
        names.push(name);
    }
    assert_eq!(names.len(), 6, "{names:?}");
    let picture = root.join("docs/images/scaling.svg");
    let drawn = tempfile::NamedTempFile::new().unwrap();
    let target = if std::env::var_os("UPDATE").is_some() {
        picture.as_path()
    } else {
        drawn.path()
    };
    simulate(&["--plot".as_ref(), target.as_os_str()]);
    assert!(
        fs::read(target).unwrap() == fs::read(picture).unwrap(),
        "docs/images/scaling.svg is out of date: run `UPDATE=1 cargo test --test integration docs`"
    );
}
