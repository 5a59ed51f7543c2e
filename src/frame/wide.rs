// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Row loops compiled twice on x86-64: for every CPU, and with AVX2.

/// Defines a function whose body is compiled for the portable instruction set and once more for
/// AVX2, and that picks the one this CPU can run.
macro_rules! wide {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident $(<const $flag:ident: $flag_type:ty>)? ($($arg:ident: $type:ty),* $(,)?)
        $(-> $ret:ty)? $body:block
    )*) => {$(
        $(#[$attribute])*
        pub(super) fn $name $(<const $flag: $flag_type>)? ($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn portable $(<const $flag: $flag_type>)? ($($arg: $type),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2 $(<const $flag: $flag_type>)? ($($arg: $type),*) $(-> $ret)? {
                    portable $(::<$flag>)? ($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: `avx2` is safe code; its only demand is that the CPU has AVX2.
                    #[allow(unsafe_code)]
                    return unsafe { avx2 $(::<$flag>)? ($($arg),*) };
                }
            }
            portable $(::<$flag>)? ($($arg),*)
        }
    )*};
}

pub(crate) use wide;
