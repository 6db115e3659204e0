//! Roles and what they grant. Grants are data that a group's admin edits.

use std::collections::BTreeMap;

use forecourt_base::{Area, Bilingual, OperationPath, RoleName};
use serde::{Deserialize, Serialize};

use crate::error::AuthError;

/// May call every operation of the group and administer it.
pub const GROUP_ADMIN: &str = "group-admin";
/// May publish, grant, enable and disable the group's plugins.
pub const OPERATOR: &str = "operator";
/// Answers for a store.
pub(crate) const STORE_MANAGER: &str = "store_manager";
/// May read everything and change nothing.
pub const AUDITOR: &str = "auditor";
/// May make groups. Held by users of the deployment alone.
pub const DEPLOYMENT_ADMIN: &str = "deployment-admin";

/// Which operations of a grant's area, interface or operation it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Queries alone.
    Query,
    /// Commands alone.
    Command,
    /// Both.
    Any,
}

/// Leave to call the operations of an area, of one of its interfaces, or a single one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The area, `repair`.
    pub area: Area,
    /// The interface, `orders`; none means the whole area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The operation, `approve`; none means the whole interface. Needs an interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Queries, commands or both.
    pub kind: Kind,
}

impl Grant {
    /// Leave to call one operation.
    #[must_use]
    pub fn operation(path: &OperationPath) -> Self {
        Self {
            area: path.area.clone(),
            interface: Some(path.interface.clone()),
            operation: Some(path.operation.clone()),
            kind: Kind::Any,
        }
    }

    /// The grant in kebab case, or the rule it breaks.
    pub(crate) fn checked(&self) -> Result<Self, AuthError> {
        let (interface, operation) = match (&self.interface, &self.operation) {
            (None, Some(_)) => {
                let en = "name an operation only together with its interface";
                return Err(AuthError::rule("grants", en, "指定操作时须同时指定其接口"));
            }
            (interface, operation) => (interface.as_deref(), operation.as_deref()),
        };
        let path = OperationPath::new(self.area.as_str(), interface.unwrap_or("any"), operation.unwrap_or("any"))
            .map_err(|error| {
                let rule = error.bilingual();
                let rule =
                    rule.around(|en| format!("hold a name that is none: {en}"), |zh| format!("含有无效名称：{zh}"));
                AuthError::invalid("grants", rule)
            })?;
        Ok(Self {
            area: path.area,
            interface: interface.map(|_| path.interface),
            operation: operation.map(|_| path.operation),
            kind: self.kind,
        })
    }
}

/// A role of a group, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// Its names shown to people, by language.
    pub names: BTreeMap<String, String>,
    /// Whether it was made with the group.
    pub built_in: bool,
    /// What it may call.
    pub grants: Vec<Grant>,
    /// Powers such as `repair.discount-over-limit`, which plugins ask for.
    pub powers: Vec<String>,
}

impl Role {
    /// Whether its rights are part of the kernel, so that grants have no effect on it.
    #[must_use]
    pub fn fixed(&self) -> bool {
        fixed(&self.name)
    }
}

pub(crate) fn fixed(role: &RoleName) -> bool {
    matches!(role.as_str(), GROUP_ADMIN | AUDITOR)
}

/// Whether a role may be given to a user: the two others stand for callers that are no users.
pub(crate) fn assignable(role: &RoleName) -> bool {
    !matches!(role.as_str(), "customer" | "system")
}

/// The roles made with each group: name, zh-CN, en. `deployment-admin` is not among them.
const BUILT_IN: &[(&str, &str, &str)] = &[
    (GROUP_ADMIN, "集团管理员", "Group administrator"),
    (OPERATOR, "插件运维", "Plugin operator"),
    (AUDITOR, "审计", "Auditor"),
    (STORE_MANAGER, "店长", "Store manager"),
    ("sales_manager", "销售经理", "Sales manager"),
    ("sales", "销售顾问", "Sales consultant"),
    ("dcc", "电销专员", "Tele-sales"),
    ("reception", "前台", "Reception"),
    ("test_drive", "试驾专员", "Test drives"),
    ("delivery", "交车专员", "Delivery"),
    ("fni", "金融保险专员", "Finance and insurance"),
    ("cashier", "收银", "Cashier"),
    ("accountant", "财务", "Accountant"),
    ("svc_manager", "服务经理", "Service manager"),
    ("advisor", "服务顾问", "Service advisor"),
    ("foreman", "车间主管", "Workshop foreman"),
    ("tech", "维修技师", "Technician"),
    ("qc", "质检员", "Quality inspector"),
    ("warranty", "三包索赔员", "Warranty clerk"),
    ("parts_manager", "配件经理", "Parts manager"),
    ("parts", "仓管员", "Parts keeper"),
    ("buyer", "采购", "Buyer"),
    ("crm", "客户关系专员", "Customer care"),
    ("crm_manager", "客户关系经理", "Customer care manager"),
    ("hr", "人事", "Human resources"),
    ("trainer", "讲师", "Trainer"),
    ("rental", "租赁专员", "Rental clerk"),
    ("rental_manager", "租赁经理", "Rental manager"),
    ("legal", "法务", "Legal"),
    ("customer", "客户自助", "Customer (self-service)"),
    ("system", "定时任务", "Scheduled work"),
];

/// The roles made with each group, without grants.
pub(crate) fn built_in() -> impl Iterator<Item = Role> {
    BUILT_IN.iter().filter_map(|(name, zh, en)| {
        let names = [("zh-CN", zh), ("en", en)].map(|(language, text)| (language.to_owned(), (*text).to_owned()));
        let (grants, powers) = (Vec::new(), Vec::new());
        // Every name of the table passes: a test counts them.
        Some(Role { name: RoleName::new(*name).ok()?, names: names.into(), built_in: true, grants, powers })
    })
}

/// A power's name, or the rule it breaks.
pub(crate) fn check_power(power: &str) -> Result<(), AuthError> {
    let part = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match power.split_once('.') {
        Some((area, name)) if power.len() <= 80 && part(area) && part(name) => Ok(()),
        _ => {
            let power: String = power.chars().take(80).collect();
            let (en, zh) = (
                format!("hold `{power}`, which has not the form `area.power-name`"),
                format!("含有 `{power}`，其形式不是 `area.power-name`"),
            );
            Err(AuthError::invalid("powers", Bilingual::made(en, zh)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_of_the_table_is_made() {
        assert_eq!(built_in().count(), BUILT_IN.len());
        assert!(built_in().all(|role| role.name.as_str() != DEPLOYMENT_ADMIN));
    }

    #[test]
    fn grants_are_kept_in_kebab_case_and_need_an_interface_for_an_operation() {
        let grant = |interface: Option<&str>, operation: Option<&str>| Grant {
            area: Area::new("repair").unwrap(),
            interface: interface.map(str::to_owned),
            operation: operation.map(str::to_owned),
            kind: Kind::Any,
        };
        let good = grant(Some("orders"), Some("report_findings")).checked().unwrap();
        assert_eq!(good.operation.as_deref(), Some("report-findings"));
        assert_eq!(grant(None, None).checked().unwrap(), grant(None, None));
        for bad in [grant(None, Some("approve")), grant(Some("Orders!"), None), grant(Some("orders"), Some(""))] {
            assert!(matches!(bad.checked(), Err(AuthError::Invalid { field: "grants", .. })), "{bad:?}");
        }
    }

    #[test]
    fn powers_have_an_area_and_a_name() {
        assert!(check_power("repair.discount-over-limit").is_ok());
        for bad in
            ["", "repair", "repair.", ".x", "Repair.x", "repair.x.y", "repair.汽车", &format!("a.{}", "b".repeat(80))]
        {
            assert!(check_power(bad).is_err(), "{bad}");
        }
    }
}
