// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `NAME: x,y x,y x,y [near=V] far=V [share=S] [hold=SECONDS]`, with `;` between zones.

/// Zones at most.
const MAX_ZONES: usize = 64;
/// Points of one polygon at most.
const MAX_POINTS: usize = 256;
/// Seconds of `hold` at most: a day.
const MAX_HOLD: f64 = 86_400.0;
/// Polygons of less of the frame have no inside.
const LEAST_AREA: f64 = 1e-9;

/// A stretch of depth: metres, or for relative depth positions in the range, 0 = farthest, 1 =
/// nearest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The near end.
    pub near: f64,
    /// The far end.
    pub far: f64,
}

impl Window {
    /// The window with `share` of its width more at each end.
    pub(super) fn wider(self, share: f64) -> Self {
        let width = (self.far - self.near).abs();
        // An infinite window widens by its finite end.
        let margin = share * if width.is_finite() { width } else { self.near };
        let outward = if self.near <= self.far {
            margin
        } else {
            -margin
        };
        Self {
            near: self.near - outward,
            far: self.far + outward,
        }
    }
}

/// A named polygon that is occupied when enough of it is in a window of depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Corners `[x, y]` as shares of the frame's width and height; at least three.
    pub polygon: Vec<[f64; 2]>,
    /// Where things count.
    pub window: Window,
    /// The share of the polygon that must be in the window, above 0 up to 1.
    pub share: f64,
    /// How long a change must last until it is one, in nanoseconds.
    pub hold_ns: u64,
}

/// Why a text names no zones, and where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("zones, character {at}{}: {problem}", quoted(.found))]
pub struct ZonesError {
    /// The character it is about, the first being 1.
    pub at: usize,
    /// What stands there.
    pub found: String,
    /// What is wrong.
    pub problem: ZoneProblem,
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let short: String = text.chars().take(40).collect();
    format!(" ({short:?})")
}

/// What is wrong with a text of zones.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ZoneProblem {
    #[error("no zone; write NAME: x,y x,y x,y far=V, or leave it NULL for none")]
    NoZone,
    #[error("a zone has no name; write NAME: before its points")]
    NoName,
    #[error("two zones have this name; give each one its own")]
    SameName,
    #[error("more than {MAX_ZONES} zones; use fewer")]
    ManyZones,
    #[error(
        "expected a point x,y or one of near=, far=, share=, hold=; numbers have a decimal point and no space inside"
    )]
    Word,
    #[error("expected a number")]
    Number,
    #[error("the point is outside the frame; x and y are shares of its width and height, 0 to 1")]
    Outside,
    #[error("a polygon needs at least 3 points, this zone has {0}")]
    FewPoints(usize),
    #[error("more than {MAX_POINTS} points; use fewer")]
    ManyPoints,
    #[error("the points lie on a line and enclose nothing")]
    NoArea,
    #[error("given twice; keep one")]
    Twice,
    #[error("far is missing; say up to where things count, {}", unit(*.metric))]
    NoFar { metric: bool },
    #[error("a distance is in metres and not below 0")]
    Metres,
    #[error(
        "this model's depth is relative: near and far are positions in its range, 0 = farthest to 1 = nearest; for metres use a metric model or depth-scale and depth-shift"
    )]
    Position,
    #[error("the window is empty: {}", if *.metric { "near must be less than far (metres)" } else { "near must be above far (1 = nearest, 0 = farthest)" })]
    EmptyWindow { metric: bool },
    #[error("share is above 0 and at most 1")]
    Share,
    #[error("hold is in seconds, 0 to {MAX_HOLD}")]
    Hold,
}

fn unit(metric: bool) -> &'static str {
    if metric {
        "as in far=2 (metres)"
    } else {
        "as in far=0.6 (0 = farthest, 1 = nearest)"
    }
}

/// Reads zones for maps of metres, or of relative depth.
///
/// # Errors
/// Where the text is anything else; the error says where and what was expected.
pub fn parse_zones(text: &str, metric: bool) -> Result<Vec<Zone>, ZonesError> {
    let mut zones: Vec<Zone> = Vec::new();
    for part in text.split(';').filter(|part| !part.trim().is_empty()) {
        let source = Source {
            text,
            part: part.trim(),
        };
        let zone = source.zone(metric)?;
        if zones.iter().any(|other| other.name == zone.name) {
            return Err(source.error(&source.part[..zone.name.len()], ZoneProblem::SameName));
        }
        if zones.len() == MAX_ZONES {
            return Err(source.error(source.part, ZoneProblem::ManyZones));
        }
        zones.push(zone);
    }
    if zones.is_empty() {
        return Err(ZonesError {
            at: 1,
            found: String::new(),
            problem: ZoneProblem::NoZone,
        });
    }
    Ok(zones)
}

/// One zone's text inside the whole.
#[derive(Clone, Copy)]
struct Source<'t> {
    text: &'t str,
    part: &'t str,
}

impl<'t> Source<'t> {
    /// An error about `token`, which is a part of the text.
    fn error(&self, token: &str, problem: ZoneProblem) -> ZonesError {
        let before = token.as_ptr() as usize - self.text.as_ptr() as usize;
        ZonesError {
            at: self.text[..before].chars().count() + 1,
            found: token.into(),
            problem,
        }
    }

    fn zone(&self, metric: bool) -> Result<Zone, ZonesError> {
        let (name, rest) = match self.part.split_once(':') {
            Some((name, rest)) if !name.trim().is_empty() => (name.trim_end(), rest),
            _ => return Err(self.error(self.part, ZoneProblem::NoName)),
        };
        let mut polygon = Vec::new();
        let mut numbers = Numbers::default();
        for word in rest.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => numbers.set(self, word, key, value)?,
                None if polygon.len() == MAX_POINTS => {
                    return Err(self.error(word, ZoneProblem::ManyPoints));
                }
                None => polygon.push(self.point(word)?),
            }
        }
        if polygon.len() < 3 {
            return Err(self.error(name, ZoneProblem::FewPoints(polygon.len())));
        }
        if encloses_nothing(&polygon) {
            return Err(self.error(name, ZoneProblem::NoArea));
        }
        Ok(Zone {
            window: numbers.window(self, name, metric)?,
            share: numbers.share(self)?,
            hold_ns: numbers.hold_ns(self)?,
            name: name.into(),
            polygon,
        })
    }

    fn point(&self, word: &'t str) -> Result<[f64; 2], ZonesError> {
        let (x, y) = word
            .split_once(',')
            .ok_or_else(|| self.error(word, ZoneProblem::Word))?;
        let point = [self.number(x, word)?, self.number(y, word)?];
        if point.iter().all(|place| (0.0..=1.0).contains(place)) {
            Ok(point)
        } else {
            Err(self.error(word, ZoneProblem::Outside))
        }
    }

    /// A number that is not NaN.
    fn number(&self, text: &str, word: &str) -> Result<f64, ZonesError> {
        match text.parse::<f64>() {
            Ok(number) if !number.is_nan() => Ok(number),
            _ if word.contains('=') => Err(self.error(word, ZoneProblem::Number)),
            _ => Err(self.error(word, ZoneProblem::Word)),
        }
    }
}

/// Whether all points lie on one line. Not the signed area: that of a figure of eight is zero.
fn encloses_nothing(polygon: &[[f64; 2]]) -> bool {
    let [x0, y0] = polygon[0];
    !polygon.iter().any(|[x1, y1]| {
        polygon
            .iter()
            .any(|[x2, y2]| ((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)).abs() > LEAST_AREA)
    })
}

/// The settings of a zone, each with the word that gave it.
#[derive(Default)]
struct Numbers<'t> {
    near: Option<(&'t str, f64)>,
    far: Option<(&'t str, f64)>,
    share: Option<(&'t str, f64)>,
    hold: Option<(&'t str, f64)>,
}

impl<'t> Numbers<'t> {
    fn set(
        &mut self,
        source: &Source<'t>,
        word: &'t str,
        key: &str,
        value: &str,
    ) -> Result<(), ZonesError> {
        let slot = match key {
            "near" => &mut self.near,
            "far" => &mut self.far,
            "share" => &mut self.share,
            "hold" => &mut self.hold,
            _ => return Err(source.error(word, ZoneProblem::Word)),
        };
        match slot.replace((word, source.number(value, word)?)) {
            Some(_) => Err(source.error(word, ZoneProblem::Twice)),
            None => Ok(()),
        }
    }

    fn window(&self, source: &Source<'_>, name: &str, metric: bool) -> Result<Window, ZonesError> {
        let (far_word, far) = self
            .far
            .ok_or_else(|| source.error(name, ZoneProblem::NoFar { metric }))?;
        let (near_word, near) = self
            .near
            .unwrap_or((far_word, if metric { 0.0 } else { 1.0 }));
        for (word, end) in [(near_word, near), (far_word, far)] {
            if metric && end < 0.0 {
                return Err(source.error(word, ZoneProblem::Metres));
            }
            if !metric && !(0.0..=1.0).contains(&end) {
                return Err(source.error(word, ZoneProblem::Position));
            }
        }
        if (metric && near < far) || (!metric && near > far) {
            Ok(Window { near, far })
        } else {
            Err(source.error(near_word, ZoneProblem::EmptyWindow { metric }))
        }
    }

    fn share(&self, source: &Source<'_>) -> Result<f64, ZonesError> {
        match self.share {
            None => Ok(0.05),
            Some((_, share)) if share > 0.0 && share <= 1.0 => Ok(share),
            Some((word, _)) => Err(source.error(word, ZoneProblem::Share)),
        }
    }

    fn hold_ns(&self, source: &Source<'_>) -> Result<u64, ZonesError> {
        match self.hold {
            None => Ok(500_000_000),
            Some((_, hold)) if (0.0..=MAX_HOLD).contains(&hold) => Ok((hold * 1e9) as u64),
            Some((word, _)) => Err(source.error(word, ZoneProblem::Hold)),
        }
    }
}
