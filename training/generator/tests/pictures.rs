// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures are functions of their number, depth is exact, shards survive interruption.

use generator::material::Material;
use generator::mesh::Mesh;
use generator::raster::Camera;
use generator::rng::Rng;
use generator::sample::{make, make_kind};
use generator::scene::Scene;
use generator::scenes::KINDS;
use generator::shade::render;
use generator::{label, shard};
use glam::{Affine3A, Mat4, Vec3, Vec4, vec3};
use safetensors::SafeTensors;

const SIZE: usize = 48;

fn camera(focal: f32) -> Camera {
    Camera::look(Vec3::ZERO, Vec3::Z, 0.0, [focal, focal * 1.25])
}

fn scene(build: impl Fn(&mut Mesh)) -> Scene {
    let mut scene = Scene::indoors(&mut Rng::new(1));
    let mat = scene.mat(Material::plain(Vec3::splat(0.5)));
    let mut m = Mesh::new(label::OBJECT);
    m.paint(mat);
    build(&mut m);
    scene.put(&m, Affine3A::IDENTITY);
    scene
}

/// The ray (z = 1) through the centre of pixel (i, j); x is mirrored since the camera looks along +z with y up.
fn ray(c: &Camera, i: usize, j: usize) -> Vec3 {
    let middle = (SIZE as f32 - 1.0) * 0.5;
    vec3(
        (i as f32 - middle) / c.focal[0],
        (j as f32 - middle) / c.focal[1],
        1.0,
    )
}

#[test]
fn a_plane_has_its_exact_depth() {
    let c = camera(30.0);
    // Through (0, 0, 4), normal (0.3, 0.5, -1), large enough to fill the view.
    let n = vec3(0.3, 0.5, -1.0).normalize();
    let (u, v) = n.any_orthonormal_pair();
    let p = vec3(0.0, 0.0, 4.0);
    let s = scene(|m| {
        m.quad(
            p - u * 90.0 - v * 90.0,
            p + u * 90.0 - v * 90.0,
            p + u * 90.0 + v * 90.0,
            p - u * 90.0 + v * 90.0,
        )
    });
    let out = render(&s, &c, SIZE);
    let mut checked = 0;
    for j in 0..SIZE {
        for i in 0..SIZE {
            // n · (z r) = n · p, hence 1/z = n · r / n · p.
            let expected = n.dot(c.to_world(ray(&c, i, j))) / n.dot(p);
            if expected > 0.05 {
                let got = out.inverse[j * SIZE + i];
                assert!(
                    (got - expected).abs() < 1e-5 * expected.max(0.1),
                    "{i} {j}: {got} {expected}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > SIZE * SIZE / 2);
}

#[test]
fn a_sphere_has_its_depth_and_label() {
    let c = camera(40.0);
    let (centre, radius) = (vec3(0.2, -0.1, 3.0), 1.0);
    let s = scene(|m| m.ellipsoid(centre, Vec3::splat(radius), 600));
    let out = render(&s, &c, SIZE);
    let mut inside = 0;
    for j in 0..SIZE {
        for i in 0..SIZE {
            let r = c.to_world(ray(&c, i, j));
            let (a, b, k) = (
                r.dot(r),
                r.dot(centre),
                centre.dot(centre) - radius * radius,
            );
            let disc = b * b - a * k;
            let at = j * SIZE + i;
            if disc > 0.02 {
                let z = (b - disc.sqrt()) / a;
                // 600 segments: the facets are within 1 − cos(π/600) of the sphere, a little more in depth at grazing rays.
                assert!((out.inverse[at] * z - 1.0).abs() < 3e-4, "{i} {j}");
                assert_eq!(out.labels[at], label::OBJECT);
                inside += 1;
            } else if disc < 0.0 {
                assert_eq!((out.inverse[at], out.labels[at]), (0.0, label::SKY));
            }
        }
    }
    assert!(inside > 100);
}

#[test]
fn every_kind_is_sound_and_repeatable() {
    for kind in 0..KINDS.len() as u8 {
        let s = make_kind(4_000 + u64::from(kind), SIZE, false, kind);
        assert_eq!(
            (s.rgb.len(), s.inverse.len(), s.labels.len()),
            (SIZE * SIZE * 3, SIZE * SIZE, SIZE * SIZE)
        );
        assert!(
            s.inverse
                .iter()
                .all(|w| w.is_finite() && *w >= 0.0 && *w < 1000.0),
            "{kind}"
        );
        assert!(
            s.labels
                .iter()
                .all(|l| *l <= label::OBJECT || *l == label::IGNORE),
            "{kind}"
        );
        assert!(
            s.inverse
                .iter()
                .zip(&s.labels)
                .all(|(w, l)| (*w == 0.0) == (*l == label::SKY)),
            "{kind}: depth 0 is sky and nothing else"
        );
        assert!(s.focal.iter().all(|f| f.is_finite() && *f > 0.0));
        let again = make_kind(4_000 + u64::from(kind), SIZE, false, kind);
        assert!(s == again, "{kind} is not repeatable");
    }
}

#[test]
fn numbers_give_different_pictures() {
    assert!(make(1, SIZE, false).rgb != make(2, SIZE, false).rgb);
}

#[test]
fn the_next_frame_agrees_with_the_pose() {
    // Points of the first frame, carried over by the pose, meet the second frame's depth where nothing moved or hid.
    let (mut right, mut total) = (0, 0);
    for number in 0..6 {
        let s = make_kind(number, SIZE, true, 10);
        let next = s.next.as_ref().unwrap();
        let pose = Mat4::from_cols_array(&next.pose).transpose();
        let middle = (SIZE as f32 - 1.0) * 0.5;
        for j in 0..SIZE {
            for i in 0..SIZE {
                let w = s.inverse[j * SIZE + i];
                if w <= 0.0 {
                    continue;
                }
                let p = vec3(
                    (i as f32 - middle) / s.focal[0],
                    (j as f32 - middle) / s.focal[1],
                    1.0,
                ) / w;
                let q: Vec4 = pose * p.extend(1.0);
                let (x, y) = (
                    (q.x / q.z * s.focal[0] + middle).round(),
                    (q.y / q.z * s.focal[1] + middle).round(),
                );
                if q.z > 0.0 && x >= 0.0 && y >= 0.0 && x < SIZE as f32 && y < SIZE as f32 {
                    total += 1;
                    let there = next.inverse[y as usize * SIZE + x as usize];
                    right += usize::from((there * q.z - 1.0).abs() < 0.05);
                }
            }
        }
    }
    // Edges and textures of thin things miss by a pixel; most of the surface must meet.
    assert!(right * 10 > total * 8, "{right} of {total}");
}

#[test]
fn a_resumed_shard_equals_one_made_in_one_go() {
    let base = std::env::temp_dir().join(format!("generator-test-{}", std::process::id()));
    let (whole, broken) = (base.join("whole"), base.join("broken"));
    for folder in [&whole, &broken] {
        std::fs::create_dir_all(folder).unwrap();
    }
    assert!(shard::write(&whole, 10, 4, SIZE, true).unwrap());
    // Killed while writing: a part of the file under the temporary name.
    std::fs::write(
        shard::path(&broken, 10).with_extension("part"),
        b"half a shard",
    )
    .unwrap();
    assert!(shard::write(&broken, 10, 4, SIZE, true).unwrap());
    assert!(
        !shard::write(&broken, 10, 4, SIZE, true).unwrap(),
        "a complete shard is made again"
    );
    let (a, b) = (
        std::fs::read(shard::path(&whole, 10)).unwrap(),
        std::fs::read(shard::path(&broken, 10)).unwrap(),
    );
    assert!(a == b);
    assert_eq!(
        std::fs::read_dir(&broken).unwrap().count(),
        1,
        "something is left over"
    );
    // Picture 12 alone is the picture 12 of the shard.
    let tensors = SafeTensors::deserialize(&a).unwrap();
    let rgb = tensors.tensor("rgb").unwrap();
    assert_eq!(rgb.shape(), [4, SIZE, SIZE, 3]);
    let one = SIZE * SIZE * 3;
    assert!(rgb.data()[2 * one..3 * one] == make(12, SIZE, true).rgb[..]);
    assert_eq!(tensors.tensor("pose").unwrap().shape(), [4, 4, 4]);
    std::fs::remove_dir_all(&base).unwrap();
}
