//! Finds the custom sections of a component, at its top and within its modules and components.

use forecourt_base::limits::{COMPONENT_BYTES, COMPONENT_CORE_INSTANCES, COMPONENT_METADATA_BYTES};
use wasmparser::{Encoding, Parser, Payload};

use crate::error::{Code, SchemaError, both};
use crate::limits::COMPONENT_NESTING;

const MANIFEST: &str = "forecourt:manifest@1";
const LABELS: &str = "forecourt:labels@1";
const WIT: &str = "forecourt:wit@1";

/// The custom sections of a component.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    pub(super) manifest: &'a str,
    pub(super) labels: Option<&'a [u8]>,
    /// WIT text: the plugin's package and, nested in it, those it names.
    pub(super) wit: &'a str,
}

/// Walks over the whole of `bytes`, so what comes after may rely on every section lying within them.
pub(super) fn find(bytes: &[u8]) -> Result<Sections<'_>, SchemaError> {
    if bytes.len() > COMPONENT_BYTES {
        let message =
            both!("{} bytes are more than {COMPONENT_BYTES}", "{} 字节超过上限 {COMPONENT_BYTES}", bytes.len());
        return Err(SchemaError::new(Code::Limit, message));
    }
    let mut found = Found::default();
    let mut nesting = 0_usize;
    for (index, payload) in Parser::new(0).parse_all(bytes).enumerate() {
        match payload.map_err(|error| unreadable(&error))? {
            Payload::Version { encoding, .. } if index == 0 && encoding != Encoding::Component => {
                let message = both!(
                    "this is a core module: make a component of it, for instance by building for wasm32-wasip2",
                    "这是核心模块：请将其制成组件，例如以 wasm32-wasip2 为目标构建"
                );
                return Err(SchemaError::new(Code::NotAComponent, message));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                nesting += 1;
                if nesting > COMPONENT_NESTING {
                    let message = both!(
                        "components are nested more than {COMPONENT_NESTING} deep",
                        "组件嵌套超过 {COMPONENT_NESTING} 层"
                    );
                    return Err(SchemaError::new(Code::Limit, message));
                }
            }
            Payload::End(_) => nesting = nesting.saturating_sub(1),
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    let instance = instance.map_err(|error| unreadable(&error))?;
                    if matches!(instance, wasmparser::Instance::Instantiate { .. }) {
                        found.instances += 1;
                    }
                }
            }
            Payload::CustomSection(section) => found.take(section.name(), section.data())?,
            _ => {}
        }
    }
    found.finish()
}

fn unreadable(error: &wasmparser::BinaryReaderError) -> SchemaError {
    SchemaError::new(Code::NotAComponent, both!("{}", "无法读取组件：{}", error))
}

#[derive(Default)]
struct Found<'a> {
    manifest: Option<&'a [u8]>,
    labels: Option<&'a [u8]>,
    wit: Option<&'a [u8]>,
    bytes: usize,
    instances: usize,
}

impl<'a> Found<'a> {
    fn take(&mut self, name: &str, data: &'a [u8]) -> Result<(), SchemaError> {
        if !name.starts_with("forecourt:") {
            return Ok(());
        }
        let place = match name {
            MANIFEST => &mut self.manifest,
            LABELS => &mut self.labels,
            WIT => &mut self.wit,
            _ => {
                let name: String = name.chars().take(80).collect();
                let message = both!("section `{name}` is not known to this kernel", "本系统不认识段 `{name}`");
                return Err(SchemaError::new(Code::Section, message));
            }
        };
        self.bytes += data.len();
        if self.bytes > COMPONENT_METADATA_BYTES {
            let message = both!(
                "manifest, labels and WIT are more than {COMPONENT_METADATA_BYTES} bytes",
                "清单、标签与 WIT 合计超过 {COMPONENT_METADATA_BYTES} 字节"
            );
            return Err(SchemaError::new(Code::Limit, message));
        }
        if place.replace(data).is_some() {
            return Err(SchemaError::new(
                Code::Section,
                both!("section `{name}` is there twice", "段 `{name}` 重复出现"),
            ));
        }
        Ok(())
    }

    fn finish(self) -> Result<Sections<'a>, SchemaError> {
        if self.instances > COMPONENT_CORE_INSTANCES {
            let message = both!(
                "{} core instances are more than {COMPONENT_CORE_INSTANCES}",
                "{} 个核心实例超过上限 {COMPONENT_CORE_INSTANCES}",
                self.instances
            );
            return Err(SchemaError::new(Code::Limit, message));
        }
        let missing = |name: &str| {
            let message = both!(
                "section `{name}` is missing: build the plugin with the SDK, or add the section",
                "缺少段 `{name}`：请用 SDK 构建插件，或自行添加该段"
            );
            SchemaError::new(Code::Section, message)
        };
        let manifest = self.manifest.ok_or_else(|| missing(MANIFEST))?;
        let text = |name: &str, bytes| {
            std::str::from_utf8(bytes).map_err(|_| {
                SchemaError::new(Code::Section, both!("section `{name}` is not UTF-8", "段 `{name}` 不是 UTF-8"))
            })
        };
        let manifest = text(MANIFEST, manifest)?;
        let wit = text(WIT, self.wit.ok_or_else(|| missing(WIT))?)?;
        Ok(Sections { manifest, labels: self.labels, wit })
    }
}
