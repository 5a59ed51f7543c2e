// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Whether this processor computes in bfloat16, and whether it gains by it. Some have the
//! instructions and take four times as long over one as over a multiply-add of 32-bit floats, which
//! does half as much.

use std::sync::LazyLock;

pub(super) use processor::has_bf16;

/// Multiply-adds in bfloat16 in the time of one in 32 bits, above which networks are taken to be
/// faster; 2 where everything else is equal.
const WORTH: f64 = 1.25;

/// Whether networks run faster here in bfloat16 than in 32 bits. Measured once in a process, in less
/// than a millisecond.
pub fn gains_by_bf16() -> bool {
    static GAINS: LazyLock<bool> = LazyLock::new(|| has_bf16() && processor::gain() > WORTH);
    *GAINS
}

#[cfg(target_arch = "x86_64")]
mod processor {
    use std::arch::{asm, x86_64::__cpuid_count};
    use std::time::{Duration, Instant};

    /// Whether it has instructions for products of vectors of bfloat16.
    pub(in crate::inference) fn has_bf16() -> bool {
        is_x86_feature_detected!("avx512bf16")
    }

    /// Whether it multiplies matrices of bfloat16 as a whole (AMX-BF16: leaf 7, bit 22 of EDX).
    fn has_matrices() -> bool {
        __cpuid_count(7, 0).edx >> 22 & 1 == 1
    }

    /// Times an instruction that adds products to 512 bits, on sums that do not wait for each other.
    macro_rules! time {
        ($instruction:literal) => {{
            const TIMES: u64 = 1000;
            let begun = Instant::now();
            #[expect(unsafe_code, reason = "nothing else gives this very instruction")]
            // SAFETY: it changes the registers that it names, and the caller knows that the
            // processor has it.
            unsafe {
                asm!(
                    "vpxord zmm0, zmm0, zmm0",
                    "vpxord zmm1, zmm1, zmm1",
                    "vpxord zmm2, zmm2, zmm2",
                    "vpxord zmm3, zmm3, zmm3",
                    "vpxord zmm4, zmm4, zmm4",
                    "vpxord zmm5, zmm5, zmm5",
                    "vpxord zmm6, zmm6, zmm6",
                    "vpxord zmm7, zmm7, zmm7",
                    "vpxord zmm8, zmm8, zmm8",
                    "2:",
                    concat!($instruction, " zmm0, zmm8, zmm8"),
                    concat!($instruction, " zmm1, zmm8, zmm8"),
                    concat!($instruction, " zmm2, zmm8, zmm8"),
                    concat!($instruction, " zmm3, zmm8, zmm8"),
                    concat!($instruction, " zmm4, zmm8, zmm8"),
                    concat!($instruction, " zmm5, zmm8, zmm8"),
                    concat!($instruction, " zmm6, zmm8, zmm8"),
                    concat!($instruction, " zmm7, zmm8, zmm8"),
                    "dec {left}",
                    "jnz 2b",
                    "vzeroupper",
                    left = inout(reg) TIMES => _,
                    out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _,
                    out("zmm5") _, out("zmm6") _, out("zmm7") _, out("zmm8") _,
                    options(nomem, nostack),
                );
            }
            begun.elapsed()
        }};
    }

    /// Multiply-adds in bfloat16 in the time of one in 32 bits, of a processor that has [`has_bf16`].
    pub(super) fn gain() -> f64 {
        if has_matrices() {
            return f64::INFINITY;
        }
        // The shortest of some: others may take the core meanwhile.
        let shortest = |time: fn() -> Duration| (0..20).map(|_| time()).min().unwrap_or_default();
        let half = shortest(|| time!("vdpbf16ps"));
        let whole = shortest(|| time!("vfmadd231ps"));
        2.0 * whole.as_secs_f64() / half.as_secs_f64()
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod processor {
    pub(in crate::inference) fn has_bf16() -> bool {
        false
    }

    pub(super) fn gain() -> f64 {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_gains_by_what_it_has_and_alike_each_time() {
        assert!(!gains_by_bf16() || has_bf16());
        if has_bf16() {
            assert_eq!(gains_by_bf16(), processor::gain() > WORTH);
        }
    }
}
