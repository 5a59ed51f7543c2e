// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The README's property table is the element's own list. `UPDATE=1` writes it anew.

use crate::common::init;
use gst::glib;
use gst::prelude::*;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- properties:begin -->";
const END: &str = "<!-- properties:end -->";

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
        glib::Type::F64 => default.get::<f64>().expect("a double").to_string(),
        glib::Type::BOOL => default.get::<bool>().expect("a bool").to_string(),
        _ => "NULL".into(),
    };
    let name = match default.type_() {
        glib::Type::STRING => "string",
        glib::Type::U32 => "uint",
        glib::Type::F64 => "double",
        glib::Type::BOOL => "bool",
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

fn table() -> String {
    init();
    let element = gst::ElementFactory::make("dptdepth").build().unwrap();
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

#[test]
fn the_readme_lists_the_elements_properties() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let begin = text.find(BEGIN).expect("README has the opening marker") + BEGIN.len();
    let end = text.find(END).expect("README has the closing marker");
    let expected = format!("\n{}", table());
    if std::env::var_os("UPDATE").is_some() {
        let text = format!("{}{expected}{}", &text[..begin], &text[end..]);
        fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(
        &text[begin..end],
        expected,
        "README.md is out of date: run `UPDATE=1 cargo test --test integration docs`"
    );
}
