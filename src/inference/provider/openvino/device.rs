// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! OpenVINO's devices, and what its provider is told about each.
//!
//! The provider reads the device's name itself, but takes some that it then runs nothing on, and falls
//! from some to the CPU without a word. So a name is read here first.

use serde_json::json;

use crate::inference::bf16::{gains_by_bf16, has_bf16};
use crate::inference::error::InferenceError;
use crate::inference::execution_provider::ExecutionProvider;
use crate::inference::precision::Precision;
use crate::inference::provider::interface::Options;
use crate::inference::settings::SessionSettings;

/// Advice where the provider does not work on a device.
pub(super) const REMEDY: &str = "check that the device is there with its driver, device and provider-options (a graph \
                      with ONNX Runtime's own operators runs on cpu and cuda only)";

/// The device that the settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    /// As the provider takes it.
    name: String,
    /// The devices that it consists of: several with `HETERO`.
    parts: Vec<Kind>,
    /// Operators go to the first of several devices that takes them.
    hetero: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cpu,
    Gpu,
    Npu,
}

const EXPECTED: &str = "give CPU, GPU, GPU.1 and the like, NPU, or HETERO: and several of these";

impl Device {
    /// The device of `device_type` in `provider-options`, else of `device`, else the CPU.
    ///
    /// # Errors
    /// If it is none that OpenVINO's provider runs a network on, or one of which nobody could tell what
    /// runs it.
    pub(super) fn of(settings: &SessionSettings) -> Result<Self, InferenceError> {
        let option = |name: &str| {
            let mut options = settings.provider_options.iter();
            let (_, value) = options.find(|(own, _)| own == name)?;
            Some(value.as_str())
        };
        let given = option("device_type").or(settings.device.as_deref());
        let name: String = given.unwrap_or("CPU").split_whitespace().collect();
        let wrong = |expected| {
            Err(InferenceError::Device {
                provider: ExecutionProvider::OpenVino,
                device: name.clone(),
                expected,
            })
        };
        if option("device_id").is_some() {
            return wrong(
                "name it in device instead of the option device_id, which would replace it",
            );
        }
        let (hetero, list) = match name.split_once(':') {
            None if name == "AUTO" => {
                return wrong("the provider runs nothing on it; name the device that you mean");
            }
            None => (false, name.as_str()),
            Some(("HETERO", list)) => (true, list),
            Some(("AUTO" | "MULTI", _)) => {
                return wrong(
                    "which of its devices runs the network, OpenVINO does not tell; name one device",
                );
            }
            Some(_) => return wrong(EXPECTED),
        };
        let parts: Option<Vec<Kind>> = list.split(',').map(Kind::of).collect();
        match parts {
            Some(parts) => Ok(Self {
                name,
                parts,
                hetero,
            }),
            None => wrong(EXPECTED),
        }
    }

    /// Returns true if it is the CPU alone.
    pub(super) fn is_cpu(&self) -> bool {
        !self.hetero && self.parts == [Kind::Cpu]
    }

    /// Returns true if an NPU is part of it: the provider falls from that to the CPU unless it is told not to,
    /// and takes networks of fixed shapes only.
    pub(super) fn has_npu(&self) -> bool {
        self.parts.contains(&Kind::Npu)
    }

    /// The name, as the provider takes it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The precision that it computes in where `asked` is asked for; `Auto` where each of several does as it likes.
    ///
    /// # Errors
    /// If it does not compute in that.
    pub(super) fn precision(&self, asked: Precision) -> Result<Precision, InferenceError> {
        let refused = |cause| {
            Err(InferenceError::Precision {
                provider: ExecutionProvider::OpenVino,
                precision: asked,
                cause,
            })
        };
        let all = |kind| self.parts.iter().all(|part| *part == kind);
        if self.is_cpu() {
            return match asked {
                Precision::Auto if gains_by_bf16() => Ok(Precision::Bf16),
                Precision::Auto => Ok(Precision::Fp32),
                Precision::Bf16 if !has_bf16() => {
                    refused("this processor has no instructions for it")
                }
                Precision::Fp16 | Precision::Typed if !has_fp16() => {
                    refused("this processor has no instructions for it")
                }
                Precision::Typed => Ok(Precision::Fp16),
                given => Ok(given),
            };
        }
        if all(Kind::Npu) {
            return match asked {
                Precision::Auto | Precision::Fp16 | Precision::Typed => Ok(Precision::Fp16),
                _ => refused("an NPU computes in 16 bits only"),
            };
        }
        match asked {
            // Its own default is fp16. Not here before somebody has looked at our maps from a GPU.
            Precision::Auto if all(Kind::Gpu) => Ok(Precision::Fp32),
            Precision::Fp16 | Precision::Typed if all(Kind::Gpu) => Ok(Precision::Fp16),
            Precision::Auto => Ok(Precision::Auto),
            Precision::Fp32 if !self.has_npu() => Ok(Precision::Fp32),
            _ if self.hetero => refused("not all of these devices do"),
            _ => refused("the device does not know it"),
        }
    }

    /// The provider's options. `cache` is the folder for what it compiles.
    ///
    /// # Errors
    /// As [`Self::precision`], or if the network's shapes are not fixed where they have to be.
    pub(super) fn options(
        &self,
        settings: &SessionSettings,
        cache: Option<&str>,
    ) -> Result<Options, InferenceError> {
        let mut options = vec![("device_type", self.name.clone())];
        options.extend(cache.map(|folder| ("cache_dir", folder.to_owned())));
        let hint = match self.precision(settings.precision)? {
            Precision::Fp32 => Some("f32"),
            Precision::Fp16 => Some("f16"),
            Precision::Bf16 => Some("bf16"),
            Precision::Auto | Precision::Typed => None,
        };
        // The option `precision` is dropped on its way to all devices but `GPU`, and `num_of_threads`
        // makes the provider keep as many requests, with memory each. This text reaches every device.
        let mut config = serde_json::Map::new();
        for part in &self.parts {
            let (key, own) = match (part, hint) {
                (Kind::Cpu, hint) if self.is_cpu() => {
                    // Threads that are bound to cores wait there for others of the pipeline while
                    // another core is free, and those of two sessions may be bound to the same ones.
                    let mut own = json!({"ENABLE_CPU_PINNING": "NO"});
                    if let Some(hint) = hint {
                        own["INFERENCE_PRECISION_HINT"] = hint.into();
                    }
                    if settings.threads > 0 {
                        own["INFERENCE_NUM_THREADS"] = settings.threads.to_string().into();
                    }
                    ("CPU", own)
                }
                (Kind::Cpu, Some(hint)) => ("CPU", json!({"INFERENCE_PRECISION_HINT": hint})),
                (Kind::Gpu, Some(hint)) => ("GPU", json!({"INFERENCE_PRECISION_HINT": hint})),
                // It has one precision, and no hint for it.
                (Kind::Npu, _) | (_, None) => continue,
            };
            config.insert(key.to_owned(), own);
        }
        if !config.is_empty() {
            let text = serde_json::Value::Object(config).to_string();
            options.push(("load_config", text));
        }
        if self.has_npu()
            && let Some(shapes) = &settings.input_shapes
        {
            if shapes.smallest != shapes.largest {
                return Err(InferenceError::Provider {
                    provider: ExecutionProvider::OpenVino,
                    cause: "an NPU takes fixed shapes only, and this model's batch is free; set batch-size=1"
                        .into(),
                    remedy: REMEDY,
                });
            }
            let dims: Vec<String> = shapes.largest.iter().map(usize::to_string).collect();
            let shape = format!("{}[{}]", shapes.name, dims.join(","));
            options.push(("reshape_input", shape));
        }
        Ok(options)
    }
}

impl Kind {
    /// The kind of device of this name, such as `GPU.1`.
    fn of(name: &str) -> Option<Self> {
        let (kind, number) = match name.split_once('.') {
            Some((kind, number)) => (kind, Some(number)),
            None => (name, None),
        };
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
        match (kind, number) {
            ("CPU", None) => Some(Self::Cpu),
            ("NPU", None) => Some(Self::Npu),
            ("GPU", None) => Some(Self::Gpu),
            ("GPU", Some(number)) if number.split('.').all(is_number) => Some(Self::Gpu),
            _ => None,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_fp16() -> bool {
    is_x86_feature_detected!("avx512fp16")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_fp16() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::settings::InputShapes;

    fn on(device: &str) -> SessionSettings {
        SessionSettings {
            device: Some(device.into()),
            ..SessionSettings::default()
        }
    }

    fn config(settings: &SessionSettings) -> serde_json::Value {
        let options = Device::of(settings).unwrap().options(settings, None);
        let options = options.unwrap();
        let config = options.iter().find(|(name, _)| *name == "load_config");
        config.map_or(serde_json::Value::Null, |(_, text)| {
            serde_json::from_str(text).unwrap()
        })
    }

    #[test]
    fn devices_are_those_that_the_provider_runs_networks_on() {
        for (name, cpu, npu) in [
            ("CPU", true, false),
            ("GPU", false, false),
            ("GPU.1", false, false),
            ("GPU.0.1", false, false),
            ("NPU", false, true),
            ("HETERO:GPU,CPU", false, false),
            ("HETERO: GPU.1, NPU", false, true),
            ("HETERO:CPU", false, false),
        ] {
            let device = Device::of(&on(name)).unwrap();
            assert_eq!((device.is_cpu(), device.has_npu()), (cpu, npu), "{name}");
            assert_eq!(device.name(), name.replace(' ', ""));
        }
        for (name, part) in [
            ("gpu", "give CPU, GPU"),
            ("CPU.0", "give CPU, GPU"),
            ("GPU_FP16", "give CPU, GPU"),
            ("GPU.", "give CPU, GPU"),
            ("TOASTER", "give CPU, GPU"),
            ("BATCH:GPU", "give CPU, GPU"),
            ("HETERO:", "give CPU, GPU"),
            ("0", "give CPU, GPU"),
            ("", "give CPU, GPU"),
            ("AUTO", "runs nothing on it"),
            ("AUTO:GPU,CPU", "which of its devices"),
            ("MULTI:GPU,CPU", "which of its devices"),
        ] {
            let message = Device::of(&on(name)).unwrap_err().to_string();
            assert!(message.contains(part), "{name}: {message}");
        }
    }

    #[test]
    fn the_device_of_the_options_counts_everywhere() {
        let mut settings = on("CPU");
        settings.provider_options = vec![("device_type".into(), "GPU".into())];
        let device = Device::of(&settings).unwrap();
        assert!(!device.is_cpu());
        assert_eq!(device.precision(Precision::Fp16).unwrap(), Precision::Fp16);
        assert!(device.precision(Precision::Bf16).is_err());
        settings.provider_options = vec![("device_id".into(), "GPU".into())];
        let message = Device::of(&settings).unwrap_err().to_string();
        assert!(message.contains("device_id"), "{message}");
    }

    #[test]
    fn each_device_computes_in_what_it_has() {
        let precision = |device: &str, asked| Device::of(&on(device)).unwrap().precision(asked);
        let cpu = |asked| precision("CPU", asked);
        let expected = match gains_by_bf16() {
            true => Precision::Bf16,
            false => Precision::Fp32,
        };
        assert_eq!(cpu(Precision::Auto).unwrap(), expected);
        assert_eq!(cpu(Precision::Bf16).is_ok(), has_bf16());
        assert_eq!(cpu(Precision::Fp16).is_ok(), has_fp16());
        let gpu = |asked| precision("GPU.0", asked).ok();
        assert_eq!(gpu(Precision::Auto), Some(Precision::Fp32));
        assert_eq!(gpu(Precision::Fp16), Some(Precision::Fp16));
        assert_eq!(gpu(Precision::Bf16), None);
        let npu = |asked| precision("NPU", asked).ok();
        assert_eq!(npu(Precision::Auto), Some(Precision::Fp16));
        assert_eq!(npu(Precision::Fp32), None);
        let both = |asked| precision("HETERO:GPU,CPU", asked).ok();
        assert_eq!(both(Precision::Auto), Some(Precision::Auto));
        assert_eq!(both(Precision::Fp32), Some(Precision::Fp32));
        assert_eq!(both(Precision::Fp16), None);
    }

    #[test]
    fn precision_and_threads_reach_the_device() {
        let mut settings = on("GPU.1");
        settings.precision = Precision::Fp16;
        let hint = &config(&settings)["GPU"]["INFERENCE_PRECISION_HINT"];
        assert_eq!(hint, "f16");
        settings = on("CPU");
        (settings.precision, settings.threads) = (Precision::Fp32, 3);
        let cpu = &config(&settings)["CPU"];
        assert_eq!(cpu["INFERENCE_PRECISION_HINT"], "f32");
        assert_eq!(cpu["INFERENCE_NUM_THREADS"], "3");
        assert_eq!(config(&on("NPU")), serde_json::Value::Null);
    }

    #[test]
    fn an_npu_is_given_fixed_shapes() {
        let mut settings = on("NPU");
        let shape = |batch| vec![batch, 3, 28, 42];
        settings.input_shapes = Some(InputShapes {
            name: "x".into(),
            smallest: shape(1),
            largest: shape(1),
        });
        let device = Device::of(&settings).unwrap();
        let options = device.options(&settings, None).unwrap();
        assert!(options.contains(&("reshape_input", "x[1,3,28,42]".into())));
        settings.input_shapes.as_mut().unwrap().largest = shape(4);
        let message = device.options(&settings, None).unwrap_err().to_string();
        assert!(message.contains("batch-size=1"), "{message}");
    }
}
