// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use super::*;
use std::time::Duration;

fn key(model: &str) -> Key {
    Key {
        model: model.to_owned(),
        size: "256x256".to_owned(),
        facts: "some".to_owned(),
    }
}

fn opened() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path().join("deep/er").to_str()).unwrap();
    (folder, cache)
}

fn sized(folder: &Path, limit: u64) -> Cache {
    let place = Place {
        folder: folder.to_owned(),
        limit,
        read_only: None,
    };
    Cache {
        place: Some(Arc::new(place)),
    }
}

fn draft(cache: &Cache, model: &str) -> Draft {
    match cache.claim(Kind::Graph, &key(model)) {
        Slot::Vacant(draft) => draft,
        other => panic!("{model} is not to be made: {other:?}"),
    }
}

fn ready(cache: &Cache, model: &str) -> Entry {
    match cache.claim(Kind::Graph, &key(model)) {
        Slot::Ready(entry) => entry,
        other => panic!("{model} is not there: {other:?}"),
    }
}

fn make(cache: &Cache, model: &str, bytes: usize) -> Entry {
    let draft = draft(cache, model);
    fs::write(draft.path("data"), vec![7; bytes]).unwrap();
    draft.finish().unwrap()
}

#[test]
fn keys_cannot_leave_the_folder_or_meet() {
    let (_folder, cache) = opened();
    let graphs = cache.folder().unwrap().join("graphs");
    let long = "k".repeat(5000);
    let names = ["../../etc", "..", ".", "", "a/b", "a_b", "a\0b", "é", &long];
    let mut seen = std::collections::HashSet::new();
    for name in names {
        let entry = make(&cache, name, 1);
        assert_eq!(entry.folder().parent().unwrap(), graphs, "{name}");
        assert!(seen.insert(entry.folder().to_owned()), "{name}");
    }
    for (size, facts) in [("256x257", "some"), ("256x256", "other")] {
        let mut other = key("a/b");
        (other.size, other.facts) = (size.to_owned(), facts.to_owned());
        assert!(matches!(cache.claim(Kind::Graph, &other), Slot::Vacant(_)));
    }
}

#[test]
fn no_cache_and_no_key_keep_nothing() {
    assert!(Cache::open(Some("")).unwrap().folder().is_none());
    let slot = Cache::none().claim(Kind::Graph, &key("a"));
    assert!(matches!(slot, Slot::Unkept(None)), "{slot:?}");
    let slot = opened().1.claim(Kind::Graph, &Key::default());
    assert!(matches!(slot, Slot::Unkept(None)), "{slot:?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_the_remedy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("cache");
    let message = Cache::open(inside.to_str()).unwrap_err().to_string();
    assert!(message.contains(inside.to_str().unwrap()), "{message}");
    assert!(message.contains("cache-dir"), "{message}");
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    let (_folder, cache) = opened();
    let broken = draft(&cache, "a");
    fs::write(broken.path("data"), "half").unwrap();
    drop(broken);
    assert!(cache.list().is_empty());
    // A process that was killed removes nothing.
    let killed = draft(&cache, "a").folder().to_owned();
    fs::create_dir_all(killed.join("inner")).unwrap();
    fs::write(killed.join(entry::LOCK), "").unwrap();
    fs::write(killed.join("data.tmp"), "half").unwrap();
    assert!(!cache.list()[0].complete);
    let entry = make(&cache, "a", 3);
    let mut names: Vec<_> = fs::read_dir(entry.folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["data", entry::LOCK, entry::MARKER]);
}

#[test]
fn one_makes_it_and_the_others_wait() {
    let (_folder, cache) = opened();
    let made = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let entry = match cache.claim(Kind::Graph, &key("a")) {
                    Slot::Vacant(draft) => {
                        made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(300));
                        fs::write(draft.path("data"), "whole").unwrap();
                        draft.finish().unwrap()
                    }
                    Slot::Ready(entry) => entry,
                    Slot::Unkept(reason) => panic!("{reason:?}"),
                };
                assert_eq!(fs::read(entry.path("data")).unwrap(), b"whole");
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
}

#[test]
fn damage_is_noticed_and_repaired() {
    let (_folder, cache) = opened();
    let damages: [fn(&Path); 4] = [
        |folder| fs::write(folder.join("data"), "shor").unwrap(),
        |folder| fs::write(folder.join("data"), "other").unwrap(),
        |folder| fs::remove_file(folder.join("data")).unwrap(),
        |folder| fs::write(folder.join(entry::MARKER), "{}").unwrap(),
    ];
    for damage in damages {
        let entry = make(&cache, "a", 5);
        damage(entry.folder());
        drop(entry);
        assert!(!cache.list()[0].complete);
        assert!(make(&cache, "a", 5).discard());
        assert!(cache.list().is_empty());
    }
}

/// Whoever uses it goes on with it; another one works without the cache.
#[test]
fn a_damaged_entry_in_use_stays() {
    let (_folder, cache) = opened();
    let entry = make(&cache, "a", 5);
    fs::write(entry.path("data"), "other").unwrap();
    let slot = cache.claim(Kind::Graph, &key("a"));
    assert!(matches!(slot, Slot::Unkept(Some(_))), "{slot:?}");
    assert!(entry.path("data").exists());
}

#[test]
fn the_least_lately_used_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let cache = sized(folder.path(), 100_000);
    let age = |entry: Entry, hours: u64| {
        let lock = fs::File::open(entry.path(entry::LOCK)).unwrap();
        let time = SystemTime::now() - Duration::from_secs(3600 * hours);
        lock.set_modified(time).unwrap();
    };
    age(make(&cache, "old", 30_000), 2);
    age(make(&cache, "older", 30_000), 3);
    age(make(&cache, "held", 30_000), 4);
    let held = ready(&cache, "held");
    age(ready(&cache, "held"), 4);
    // Something of the user's.
    let foreign = folder.path().join("graphs/mine");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("data"), vec![0; 200_000]).unwrap();
    make(&cache, "new", 30_000);
    let names = |cache: &Cache| -> Vec<String> {
        let mut names: Vec<_> = cache.list().into_iter().map(|entry| entry.model).collect();
        names.sort();
        names
    };
    assert_eq!(names(&cache), ["held", "new", "old"]);
    // What is larger than the limit alone is kept as long as it is the newest.
    let large = make(&cache, "large", 150_000);
    assert_eq!(names(&cache), ["held", "large"]);
    assert!(held.path("data").exists() && foreign.join("data").exists());
    drop((held, large));
    make(&cache, "small", 10);
    assert_eq!(names(&cache), ["small"]);
}

#[test]
fn sizes_are_mebibytes() {
    assert_eq!(limit(None).unwrap(), 8 << 30);
    assert_eq!(limit(Some("3".into())).unwrap(), 3 << 20);
    let message = limit(Some("8 GB".into())).unwrap_err().to_string();
    assert!(message.contains(SIZE_VARIABLE), "{message}");
}

/// The process file system can be read, and nobody, root included, can make a folder in it.
#[test]
fn a_folder_that_can_only_be_read_is_used_so() {
    let cache = Cache::open(Some("/proc/self")).unwrap();
    let trouble = cache.trouble().unwrap().to_string();
    assert!(trouble.contains("/proc/self"), "{trouble}");
    let slot = cache.claim(Kind::Graph, &key("a"));
    assert!(matches!(slot, Slot::Unkept(None)), "{slot:?}");

    let (_folder, writable) = opened();
    make(&writable, "a", 5);
    let seeded = Place {
        folder: writable.folder().unwrap().to_owned(),
        limit: 0,
        read_only: Some(CacheError::NoHome),
    };
    let seeded = Cache {
        place: Some(Arc::new(seeded)),
    };
    let entry = ready(&seeded, "a");
    assert!(
        !writable.list()[0]
            .remove()
            .is_ok_and(|freed| freed.is_some())
    );
    fs::remove_file(entry.path(entry::LOCK)).unwrap();
    drop(entry);
    ready(&seeded, "a");
}
