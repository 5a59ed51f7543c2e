// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which classes are kept: the property `classes`.

/// Names that an error offers instead of an unknown one.
const OFFERS: usize = 5;
/// Characters of a wrong name that an error repeats.
const LONGEST: usize = 64;

/// Why a list of classes cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassesError {
    /// No class has this name.
    #[error("classes: the model has no class {name:?}{}", offer(nearest))]
    Unknown {
        /// The name as it was given.
        name: String,
        /// The names that are most like it.
        nearest: Vec<String>,
    },
    /// The model has fewer classes.
    #[error(
        "classes: there is no class {index}, the model has {count}; give an index below that or a name"
    )]
    Index {
        /// The index as it was given.
        index: String,
        /// Classes of the model.
        count: usize,
    },
    /// Separators only.
    #[error(
        "classes names no class; give names or indices with ; between them, or leave it NULL to keep all"
    )]
    Empty,
}

fn offer(nearest: &[String]) -> String {
    match nearest {
        [] => "; give names or indices of its labels with ; between them".into(),
        names => format!("; most like it are {}", names.join("; ")),
    }
}

/// The first name of a label: published labels list synonyms, as in `door, double door`.
fn first_name(label: &str) -> &str {
    label.split([',', ';']).next().unwrap_or(label).trim()
}

fn is_same(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

/// The classes to keep, by index, from names or indices with `;` between them. Names are those of
/// `labels`, whole or up to the first comma, in any case; a name that several classes have keeps
/// all of them.
///
/// # Errors
/// Where a name or an index is not the model's, or there is none.
pub fn parse_classes(text: &str, labels: &[String]) -> Result<[bool; 256], ClassesError> {
    let mut keep = [false; 256];
    let mut some = false;
    for name in text
        .split(';')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        some = true;
        let mut known = false;
        for (kept, label) in keep.iter_mut().zip(labels) {
            if is_same(label.trim(), name) || is_same(first_name(label), name) {
                (*kept, known) = (true, true);
            }
        }
        if known {
            continue;
        }
        if !name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ClassesError::Unknown {
                name: name.chars().take(LONGEST).collect(),
                nearest: nearest(name, labels),
            });
        }
        let count = labels.len().min(keep.len());
        match name.parse::<usize>() {
            Ok(index) if index < count => keep[index] = true,
            _ => {
                return Err(ClassesError::Index {
                    index: name.chars().take(LONGEST).collect(),
                    count,
                });
            }
        }
    }
    if some {
        Ok(keep)
    } else {
        Err(ClassesError::Empty)
    }
}

/// The labels most like `name`, best first: those that share the most pairs of letters.
fn nearest(name: &str, labels: &[String]) -> Vec<String> {
    let wanted = pairs(name);
    let mut scored: Vec<(f64, &str)> = labels
        .iter()
        .map(|label| (alike(&wanted, &pairs(first_name(label))), first_name(label)))
        .filter(|(score, _)| *score >= 0.25)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.dedup_by(|a, b| a.1 == b.1);
    let offers = scored.iter().take(OFFERS);
    offers.map(|(_, label)| (*label).to_string()).collect()
}

/// Neighbouring characters, with the ends of the word.
fn pairs(text: &str) -> Vec<[char; 2]> {
    let mut before = ' ';
    text.chars()
        .take(LONGEST)
        .flat_map(char::to_lowercase)
        .chain([' '])
        .map(|c| [std::mem::replace(&mut before, c), c])
        .collect()
}

/// Dice's coefficient: 1 = the same pairs, 0 = none in common.
fn alike(a: &[[char; 2]], b: &[[char; 2]]) -> f64 {
    let common = a.iter().filter(|pair| b.contains(pair)).count();
    2.0 * common as f64 / (a.len() + b.len()).max(1) as f64
}
