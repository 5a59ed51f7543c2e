// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Downloads that break, and how they go on.

use super::server::{Answer, Request};
use super::{
    ETAG, WEIGHTS, assert_complete, bad, fetch, good, good_hub, hub_with, models, redirecting_hub,
    sha256, toy,
};
use std::fs;

#[test]
fn a_broken_connection_goes_on_where_it_broke() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::of(request, bytes, ETAG);
        match request.earlier {
            0 => answer.cut(70_000),
            1 => answer.cut(50_000),
            _ => answer,
        }
    });
    let told = good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert!(told.contains("trying again"), "{told}");
    let asked = server.requests_for(WEIGHTS);
    let from: Vec<_> = asked.iter().map(Request::from).collect();
    assert_eq!(from, [None, Some(70_000), Some(120_000)]);
    assert_eq!(asked[1].header("if-range"), Some(ETAG));
}

#[test]
fn the_next_run_goes_on_and_nothing_partial_has_the_final_name() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::of(request, bytes, ETAG);
        if request.earlier == 0 {
            answer.cut(100_000)
        } else {
            answer
        }
    });
    let output = fetch(&server, models.path(), "dpt-large", &["--retries", "0"]);
    bad(
        &output,
        &[
            "the connection broke",
            "100000 bytes that arrived are kept",
            "same command",
        ],
    );
    let part = format!("{WEIGHTS}.part");
    assert!(!model.join(WEIGHTS).exists());
    assert!(!model.join("fetched.json").exists());
    assert_eq!(fs::metadata(model.join(&part)).unwrap().len(), 100_000);
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert_eq!(server.requests_for(WEIGHTS)[1].from(), Some(100_000));
    assert_eq!(
        server.requests_for("/config.json").len(),
        1,
        "what is whole is kept"
    );
}

#[test]
fn a_run_that_ended_before_the_renaming_asks_for_nothing_more() {
    let (models, model) = models();
    let server = good_hub();
    fs::create_dir_all(&model).unwrap();
    fs::write(model.join(format!("{WEIGHTS}.part")), toy(WEIGHTS)).unwrap();
    fs::write(model.join(format!("{WEIGHTS}.part.version")), ETAG).unwrap();
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert_eq!(
        server.requests_for(WEIGHTS)[0].from(),
        Some(toy(WEIGHTS).len())
    );
    assert_eq!(server.requests_for(WEIGHTS).len(), 1);
}

#[test]
fn a_server_without_ranges_sends_everything_anew() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::ok(bytes).with("ETag", ETAG);
        if request.earlier == 0 {
            answer.cut(90_000)
        } else {
            answer
        }
    });
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert_eq!(server.requests_for(WEIGHTS)[1].from(), Some(90_000));
}

#[test]
fn parts_of_two_versions_are_not_joined() {
    for (first, second) in [
        // The server compares, and sends the new version whole.
        (Some("\"old\""), ETAG),
        // There is nothing to compare with.
        (None, ETAG),
        // Weak: the bytes may differ.
        (Some("W/\"same\""), "W/\"same\""),
    ] {
        let (models, model) = models();
        let server = hub_with(move |request, bytes| match (request.earlier, first) {
            (0, Some(etag)) => Answer::ok(vec![7; bytes.len()])
                .with("ETag", etag)
                .cut(80_000),
            (0, None) => Answer::ok(vec![7; bytes.len()]).cut(80_000),
            _ => Answer::of(request, bytes, second),
        });
        good(&fetch(&server, models.path(), "dpt-large", &[]));
        assert_complete(&model);
    }
}

#[test]
fn a_wrong_range_is_thrown_away() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::of(request, bytes, ETAG);
        match request.earlier {
            0 => answer.cut(80_000),
            1 => {
                let mut answer = Answer::of(request, bytes, ETAG);
                answer.headers.retain(|(name, _)| *name != "Content-Range");
                let range = format!("bytes 0-{}/{}", bytes.len() - 1, bytes.len());
                answer.with("Content-Range", &range)
            }
            _ => answer,
        }
    });
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert_eq!(server.requests_for(WEIGHTS)[2].from(), None);
}

#[test]
fn a_damaged_beginning_is_found_and_fetched_anew() {
    let (models, model) = models();
    let server = redirecting_hub(&sha256(&toy(WEIGHTS)));
    fs::create_dir_all(&model).unwrap();
    fs::write(model.join(format!("{WEIGHTS}.part")), [1; 5000]).unwrap();
    fs::write(model.join(format!("{WEIGHTS}.part.version")), ETAG).unwrap();
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
}

#[test]
fn an_overloaded_server_is_asked_again() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| match request.earlier {
        0 => Answer::status(503).with("Retry-After", "0"),
        1 => Answer::status(429),
        _ => Answer::of(request, bytes, ETAG),
    });
    let told = good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert!(
        told.contains("HTTP 503") && told.contains("HTTP 429"),
        "{told}"
    );
}

#[test]
fn a_server_that_stops_sending_is_left() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::of(request, bytes, ETAG);
        if request.earlier == 0 {
            answer.stall(60_000)
        } else {
            answer
        }
    });
    let told = good(&fetch(
        &server,
        models.path(),
        "dpt-large",
        &["--timeout-ms", "500"],
    ));
    assert!(
        told.contains("stopped sending after 60000 of 200236 bytes"),
        "{told}"
    );
    assert_complete(&model);
    assert_eq!(server.requests_for(WEIGHTS)[1].from(), Some(60_000));
}
