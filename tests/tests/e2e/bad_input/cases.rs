//! A request that is wrong, and what must be answered.

use forecourt_tests::{Answer, Client};
use serde_json::Value;

use super::is_chinese;

/// A request that is wrong in one way.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) who: Client,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Vec<u8>,
}

impl Case {
    pub(super) fn send(&self, language: &str) -> Answer {
        let who = self.who.header("accept-language", language);
        let sent = who.send(self.method, &self.path, self.content_type, &self.body);
        sent.unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Sends it in both languages: both answers are this problem, with the same pointer, and each has texts of its own. Gives the English one.
    #[track_caller]
    pub(super) fn is(&self, status: u16, name: &str) -> Value {
        let english = self.send("en");
        assert_eq!(english.status, status, "{english} for {self}");
        let english = english.problem(status, name);
        let answer = self.send("zh-CN,zh;q=0.9,en;q=0.1");
        assert_eq!(answer.header("content-language"), Some("zh-CN"), "{self}");
        let chinese = answer.problem(status, name);
        differ(&english["title"], &chinese["title"], self);
        differ(&english["detail"], &chinese["detail"], self);
        let (errors, zh_errors) = (list(&english["errors"]), list(&chinese["errors"]));
        assert_eq!(errors.len(), zh_errors.len(), "{self}");
        for (error, zh_error) in errors.iter().zip(zh_errors) {
            assert_eq!((&error["pointer"], &error["rule"]), (&zh_error["pointer"], &zh_error["rule"]), "{self}");
            differ(&error["detail"], &zh_error["detail"], self);
        }
        let (reasons, zh_reasons) = (list(&english["reasons"]), list(&chinese["reasons"]));
        assert_eq!(reasons.len(), zh_reasons.len(), "{self}");
        reasons.iter().zip(zh_reasons).for_each(|(reason, zh_reason)| differ(reason, zh_reason, self));
        english
    }

    /// A wrong field, named by its pointer.
    #[track_caller]
    pub(super) fn is_field(&self, pointer: &str) {
        let problem = self.is(400, "invalid-fields");
        let pointers: Vec<&str> =
            list(&problem["errors"]).iter().filter_map(|error| error["pointer"].as_str()).collect();
        let within =
            |found: &&str| *found == pointer || found.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/'));
        assert!(pointers.iter().any(within), "{pointer} is not among {pointers:?}: {self}");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Both texts are there, the second one Chinese.
#[track_caller]
fn differ(english: &Value, chinese: &Value, case: &Case) {
    assert!(english != chinese && is_chinese(chinese), "{english} {chinese}: {case}");
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path: String = self.path.chars().take(200).collect();
        let body: String = String::from_utf8_lossy(&self.body).chars().take(800).collect();
        write!(f, "{} {path} {:?} {body}", self.method, self.content_type)
    }
}
