// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `depth-scale` and `depth-shift` from distances that somebody has measured.

use crate::Failure;
use crate::cell::Cell;
use gstdptdepth::frame::Fit;
use gstdptdepth::spec::Size;

/// A measured distance: `X,Y=METRES`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Known {
    /// The pixel's column and row.
    pub(crate) x: u32,
    pub(crate) y: u32,
    /// Along the optical axis, as all depth here.
    pub(crate) metres: f64,
}

impl std::str::FromStr for Known {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || {
            let (pixel, metres) = text.split_once('=')?;
            let (x, y) = pixel.split_once(',')?;
            Some(Self {
                x: x.trim().parse().ok()?,
                y: y.trim().parse().ok()?,
                metres: metres.trim().parse().ok()?,
            })
        };
        match parts() {
            Some(known) if known.metres > 0.0 && known.metres.is_finite() => Ok(known),
            Some(_) => Err("a distance is more than 0 metres".into()),
            None => Err("give a pixel and its distance in metres, such as 320,410=2.5".into()),
        }
    }
}

/// The two numbers of a calibration, and how well they fit.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) scale: f32,
    pub(crate) shift: f32,
    /// The largest error at a known point as a part of its distance.
    pub(crate) worst: f64,
}

/// Fits the calibration to the `values` of a map: exactly through two points, with the least squares
/// of the relative errors through more. One point alone gives the scale of depth, whose shift then
/// is 0.
///
/// # Errors
/// Where the points do not determine it, or a farther point looks nearer to the model.
pub(crate) fn fit_calibration(
    known: &[Known],
    inverse: bool,
    fit: &Fit,
    map: Size,
    values: &[f32],
) -> Result<Fitted, Failure> {
    let mut points = Vec::with_capacity(known.len());
    for &Known { x, y, metres } in known {
        if x >= fit.frame.width || y >= fit.frame.height {
            return Err(format!(
                "--known {x},{y} lies outside the picture of {} by {} pixels",
                fit.frame.width, fit.frame.height
            )
            .into());
        }
        let cell = Cell::at(fit, map, f64::from(x) + 0.5, f64::from(y) + 0.5);
        let value = cell.mix(cell.corners(values));
        if !value.is_finite() {
            return Err(
                format!("the model gives no depth at {x},{y}; choose another point").into(),
            );
        }
        points.push((f64::from(value), metres));
    }
    solve(&points, inverse).map_err(Into::into)
}

/// The line through (value, metres), or through (value, 1/metres) where values are inverse depth.
fn solve(points: &[(f64, f64)], inverse: bool) -> Result<Fitted, String> {
    let (mut scale, mut shift) = match *points {
        [] => return Err("no point is known".into()),
        [(value, metres)] if !inverse => (metres / value, 0.0),
        [_] => {
            return Err(
                "inverse depth needs two known points at different distances to become metres"
                    .into(),
            );
        }
        _ => line(points, inverse)?,
    };
    let metres_of = |value: f64| {
        let linear = f64::from(scale as f32) * value + f64::from(shift as f32);
        if inverse { linear.recip() } else { linear }
    };
    let errors = points
        .iter()
        .map(|&(value, metres)| metres_of(value) / metres - 1.0);
    let worst = errors.fold(0.0f64, |worst, error| worst.max(error.abs()));
    if !(scale > 0.0 && (scale as f32).is_finite() && (shift as f32).is_finite()) {
        return Err(
            "a known point that is farther looks nearer to the model, so no calibration fits; \
             check the points, or choose others on large surfaces away from edges"
                .into(),
        );
    }
    // -0 prints as such.
    (scale, shift) = (scale + 0.0, shift + 0.0);
    Ok(Fitted {
        scale: scale as f32,
        shift: shift as f32,
        worst,
    })
}

/// Least squares with the weights that turn residuals into relative errors of the distance.
fn line(points: &[(f64, f64)], inverse: bool) -> Result<(f64, f64), String> {
    let (mut sum, mut mean_x, mut mean_y) = (0.0, 0.0, 0.0);
    let samples = || {
        points.iter().map(|&(x, metres)| {
            if inverse {
                (x, metres.recip(), metres * metres)
            } else {
                (x, metres, (metres * metres).recip())
            }
        })
    };
    for (x, y, weight) in samples() {
        sum += weight;
        mean_x += weight * x;
        mean_y += weight * y;
    }
    (mean_x, mean_y) = (mean_x / sum, mean_y / sum);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y, weight) in samples() {
        xx += weight * (x - mean_x) * (x - mean_x);
        xy += weight * (x - mean_x) * (y - mean_y);
        yy += weight * (y - mean_y) * (y - mean_y);
    }
    // Spreads of less than a millionth are the rounding of f32 values.
    let varies = |spread: f64, mean: f64| spread / sum > (1e-6 * mean).powi(2);
    if !varies(xx, mean_x) {
        return Err("the model sees the known points at one depth; choose points whose distances differ more".into());
    }
    if !varies(yy, mean_y) {
        return Err("the known points have one distance; two different ones are needed".into());
    }
    let scale = xy / xx;
    Ok((scale, mean_y - scale * mean_x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f32, expected: f64) -> bool {
        (f64::from(ours) - expected).abs() <= 1e-6 * expected.abs().max(1e-3)
    }

    #[test]
    fn two_points_determine_it() {
        // 1/4 = 10·s + t, 1 = 40·s + t.
        let fitted = solve(&[(10.0, 4.0), (40.0, 1.0)], true).unwrap();
        assert!(close(fitted.scale, 0.025) && close(fitted.shift, 0.0));
        assert!(fitted.worst < 1e-6);
        // 4 = 10·s + t, 1 = 4·s + t.
        let fitted = solve(&[(10.0, 4.0), (4.0, 1.0)], false).unwrap();
        assert!(close(fitted.scale, 0.5) && close(fitted.shift, -1.0));
        let fitted = solve(&[(8.0, 2.0)], false).unwrap();
        assert!(close(fitted.scale, 0.25) && close(fitted.shift, 0.0));
    }

    /// `numpy.polyfit(x, 1/m, 1, w=m)` and `polyfit(x, m, 1, w=1/m)`.
    #[test]
    fn more_points_are_fitted_by_their_relative_errors() {
        let points = [(2.0, 5.1), (3.0, 2.9), (5.0, 2.1), (9.0, 1.0)];
        let fitted = solve(&points, true).unwrap();
        assert!(
            close(fitted.scale, 0.107_422_334_559_818_9)
                && close(fitted.shift, -0.013_402_933_287_180_2)
        );
        let points = [(2.0, 1.1), (3.0, 1.4), (5.0, 2.7), (9.0, 4.4)];
        let fitted = solve(&points, false).unwrap();
        assert!(
            close(fitted.scale, 0.484_290_511_972_964_5)
                && close(fitted.shift, 0.079_963_587_717_668_8)
        );
    }

    #[test]
    fn what_determines_nothing_is_told() {
        let error = |points: &[(f64, f64)], inverse| solve(points, inverse).unwrap_err();
        assert!(error(&[(1.0, 2.0)], true).contains("two known points"));
        assert!(error(&[(3.0, 2.0), (3.0, 4.0)], true).contains("one depth"));
        assert!(error(&[(3.0, 2.0), (7.0, 2.0)], true).contains("one distance"));
        assert!(error(&[(3.0, 2.0), (7.0, 4.0)], true).contains("looks nearer"));
        assert!(error(&[(3.0, 4.0), (7.0, 2.0)], false).contains("looks nearer"));
        assert!(error(&[(0.0, 4.0)], false).contains("looks nearer"));
        assert!(error(&[(0.0, 4.0), (0.0, 5.0)], false).contains("one depth"));
    }

    #[test]
    fn points_are_read_and_nonsense_is_refused() {
        let known = Known {
            x: 320,
            y: 41,
            metres: 2.5,
        };
        assert_eq!("320,41=2.5".parse(), Ok(known));
        for text in ["", "1,2", "1=2", "-1,2=3", "1.5,2=3", "1,2=x", "1,2,3=4"] {
            assert!(text.parse::<Known>().is_err(), "{text}");
        }
        for text in ["1,2=0", "1,2=-3", "1,2=inf", "1,2=nan"] {
            assert!(text.parse::<Known>().unwrap_err().contains("more than 0"));
        }
    }
}
