//! Every problem that the kernel answers with, in both languages.
//!
//! INVARIANT (explained-refusals): the names are stable; texts may be reworded. `{word}` stands for what the problem at hand is about.

use forecourt_bus::jobs::JobState;

/// A text in the two languages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    pub(crate) en: &'static str,
    pub(crate) zh: &'static str,
}

/// A kind of problem.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The end of its `type`, `/problems/<name>`.
    pub(crate) name: &'static str,
    /// Its HTTP status.
    pub(crate) status: u16,
    pub(crate) title: Text,
    pub(crate) detail: Text,
}

macro_rules! problems {
    ($($constant:ident $name:literal $status:literal {
        en: $title_en:literal, $detail_en:literal;
        zh: $title_zh:literal, $detail_zh:literal;
    })*) => {
        $(pub(crate) static $constant: Kind = Kind {
            name: $name,
            status: $status,
            title: Text { en: $title_en, zh: $title_zh },
            detail: Text { en: $detail_en, zh: $detail_zh },
        };)*

        /// All of them, by status.
        pub(crate) static ALL: &[&Kind] = &[$(&$constant),*];
    };
}

problems! {
    MALFORMED_JSON "malformed-json" 400 {
        en: "The body is not JSON", "the body can't be read as JSON: {reason}";
        zh: "请求正文不是 JSON", "无法将请求正文解析为 JSON：{reason}";
    }
    NOT_HTTP "not-http" 400 {
        en: "This is not HTTP", "the head of the request can't be read";
        zh: "不是 HTTP 请求", "无法读取请求头";
    }
    BROKEN_BODY "broken-body" 400 {
        en: "The body broke off", "the body ended before it was complete";
        zh: "请求正文中断", "请求正文在传完之前中断";
    }
    INVALID_FIELDS "invalid-fields" 400 {
        en: "Fields are wrong", "`errors` names each wrong field by its JSON pointer and the rule that it breaks";
        zh: "字段有误", "`errors` 以 JSON 指针列出每个有误的字段及其违反的规则";
    }
    OTHER_CONTENT "other-content" 400 {
        en: "The content is another", "what came hashes to `{found}`: send what the address names, or let the kernel name it by POST";
        zh: "内容不符", "收到的内容的哈希为 `{found}`：请发送地址所指的内容，或用 POST 由系统命名";
    }
    INVALID_IDEMPOTENCY_KEY "invalid-idempotency-key" 400 {
        en: "The idempotency key is none", "`Idempotency-Key` has 1 to {max} visible ASCII characters";
        zh: "幂等键无效", "`Idempotency-Key` 须为 1 至 {max} 个可见 ASCII 字符";
    }
    GROUP_NEEDED "group-needed" 400 {
        en: "Name your group", "this deployment has several groups: name yours in `group`";
        zh: "请指明集团", "本系统有多个集团：请在 `group` 中指明所属集团";
    }
    UNAUTHENTICATED "unauthenticated" 401 {
        en: "Sign in first", "the request has no token of an open session: sign in with POST /v1/sessions";
        zh: "请先登录", "请求未携带有效会话的令牌：请通过 POST /v1/sessions 登录";
    }
    BAD_CREDENTIALS "bad-credentials" 401 {
        en: "Sign-in refused", "the user or the password is wrong";
        zh: "登录失败", "用户名或密码错误";
    }
    TOKEN_REFUSED "token-refused" 403 {
        en: "The token is refused", "the token is not known, was used or has expired: ask for another";
        zh: "令牌无效", "令牌不存在、已使用或已过期：请重新申请";
    }
    FORBIDDEN "forbidden" 403 {
        en: "Not allowed", "no role of yours allows this here";
        zh: "无权限", "您的角色在此处无权执行该操作";
    }
    PLUGIN_NOT_ALLOWED "plugin-not-allowed" 403 {
        en: "A step is not allowed", "a step that the operation needs was refused: {reason}";
        zh: "步骤无权限", "该操作所需的某个步骤被拒绝：{reason}";
    }
    FOREIGN_ORIGIN "foreign-origin" 403 {
        en: "Foreign page", "a request with a cookie must come from a page of this origin";
        zh: "来源不符", "携带 Cookie 的请求必须来自本站页面";
    }
    REFUSED_TO_CALLER "refused-to-caller" 403 {
        en: "The operation refuses it to you", "the operation does not do this for you: see `error`";
        zh: "该操作拒绝为您执行", "该操作不允许您这样做：见 `error`";
    }
    UNKNOWN_PATH "unknown-path" 404 {
        en: "Nothing is here", "no resource has this path";
        zh: "路径不存在", "此路径没有对应的资源";
    }
    LINK_REFUSED "link-refused" 404 {
        en: "The link does not open this", "the link is not good, or does not open this: ask the store for another";
        zh: "链接无法打开此内容", "链接无效或不能用于此内容：请向门店索取新的链接";
    }
    UNKNOWN_STORE "unknown-store" 404 {
        en: "No such store", "your group has no such store";
        zh: "门店不存在", "您所在的集团没有此门店";
    }
    UNKNOWN_OPERATION "unknown-operation" 404 {
        en: "No such operation", "the plugin that serves this area has no operation `{operation}`";
        zh: "操作不存在", "提供此业务域的插件没有操作 `{operation}`";
    }
    AREA_NOT_ENABLED "area-not-enabled" 404 {
        en: "The area is not enabled", "no plugin serves the area `{area}` here";
        zh: "业务域未启用", "此处没有插件提供业务域 `{area}`";
    }
    UNKNOWN_PLUGIN_VERSION "unknown-plugin-version" 404 {
        en: "No such plugin version", "`{module}` is not published in this group";
        zh: "插件版本不存在", "本集团未发布 `{module}`";
    }
    UNKNOWN_RESOURCE "unknown-resource" 404 {
        en: "Not known", "the {what} `{id}` is not known";
        zh: "不存在", "{what} `{id}` 不存在";
    }
    NOT_FOUND "not-found" 404 {
        en: "Not found", "the operation did not find what it was asked for: see `error`";
        zh: "未找到", "该操作未找到所请求的对象：见 `error`";
    }
    METHOD_NOT_ALLOWED "method-not-allowed" 405 {
        en: "Another method is needed", "`Allow` names the methods of this resource";
        zh: "请求方法不支持", "`Allow` 列出此资源支持的方法";
    }
    COMMAND_BY_GET "command-by-get" 405 {
        en: "A command needs POST", "`{operation}` is a command: send it with POST";
        zh: "命令须用 POST", "`{operation}` 是命令：请用 POST 发送";
    }
    PERSONAL_BY_GET "personal-by-get" 405 {
        en: "Personal data need POST", "`{operation}` takes personal data, which must not stand in addresses: send it with POST";
        zh: "个人信息须用 POST", "`{operation}` 含个人信息，不得出现在地址中：请用 POST 发送";
    }
    REQUEST_TIMEOUT "request-timeout" 408 {
        en: "The body came too slowly", "the body did not arrive within {seconds} seconds";
        zh: "请求正文传输过慢", "请求正文未在 {seconds} 秒内传完";
    }
    STALE "stale" 409 {
        en: "It was changed meanwhile", "another request changed the record: read it again and decide anew";
        zh: "数据已变更", "记录已被其他请求修改：请重新读取后再决定";
    }
    EXISTS "already-exists" 409 {
        en: "It exists already", "the {what} `{id}` exists already";
        zh: "已存在", "{what} `{id}` 已存在";
    }
    LAST_ADMIN "last-admin" 409 {
        en: "Somebody must administer", "nobody would hold `{role}` any more: give another user the role first";
        zh: "必须保留管理员", "将无人担任 `{role}`：请先将该角色授予其他用户";
    }
    RESERVED_ROLE "reserved-role" 409 {
        en: "The role is the deployment's", "`{role}` belongs to the deployment and can't be given or made in a group";
        zh: "保留角色", "`{role}` 属于整个系统，不能在集团内授予或创建";
    }
    FIXED_ROLE "fixed-role" 409 {
        en: "The role is fixed", "the grants of `{role}` are part of the kernel: make a role of your own instead";
        zh: "角色不可修改", "`{role}` 的权限由系统固定：请另建角色";
    }
    BUILT_IN_ROLE "built-in-role" 409 {
        en: "The role stays", "`{role}` was made with the group and can't be deleted: plugins name it";
        zh: "角色须保留", "`{role}` 随集团创建，插件会引用它，不能删除";
    }
    ROLE_HELD "role-held" 409 {
        en: "Somebody holds the role", "`{user}` holds `{role}`, perhaps others too: take it away first";
        zh: "角色仍有人担任", "`{user}` 等用户担任 `{role}`：请先取消授予";
    }
    NAME_TAKEN "plugin-name-taken" 409 {
        en: "The plugin's name is taken", "`{name}` belongs to the publisher `{publisher}`: publish under another name";
        zh: "插件名称已被占用", "`{name}` 属于发布者 `{publisher}`：请换用其他名称发布";
    }
    VERSION_TAKEN "plugin-version-taken" 409 {
        en: "The version is taken", "`{module}` was published before with other content: publish it under a new version";
        zh: "版本号已被占用", "`{module}` 已以不同内容发布：请使用新的版本号";
    }
    NOT_GRANTED "plugin-not-granted" 409 {
        en: "The plugin version has no grant", "approve what `{module}` requests before it is enabled";
        zh: "插件版本未获授权", "启用 `{module}` 之前须先批准其申请的权限";
    }
    WIDER_THAN_REQUESTED "wider-than-requested" 409 {
        en: "The approval goes too far", "`reasons` lists what `{module}` did not request";
        zh: "批准超出申请", "`reasons` 列出 `{module}` 未申请的权限";
    }
    AREA_NOT_SERVED "area-not-served" 409 {
        en: "The plugin does not serve the area", "`{module}` does not serve the area `{area}`";
        zh: "插件不提供该业务域", "`{module}` 不提供业务域 `{area}`";
    }
    UNRESOLVED "unresolved-imports" 409 {
        en: "Modules would not fit together", "`reasons` lists who needs what";
        zh: "模块之间不匹配", "`reasons` 列出各模块缺少的依赖";
    }
    IMPORT_CYCLE "import-cycle" 409 {
        en: "Areas would call in a circle", "areas would call one another in a circle: {areas}";
        zh: "业务域循环调用", "业务域之间将形成循环调用：{areas}";
    }
    REQUIRED "required-by-others" 409 {
        en: "Others need the area", "`reasons` lists who requires `{area}`: disable them first, or disable it with `?force=true` and they stop";
        zh: "其他模块依赖该业务域", "`reasons` 列出依赖 `{area}` 的模块：请先停用它们，或用 `?force=true` 一并停用";
    }
    GROUP_WIDE "enabled-for-the-group" 409 {
        en: "The area is the group's", "`{area}` is enabled for the whole group: disable it there";
        zh: "业务域由集团启用", "`{area}` 由整个集团启用：请在集团层面停用";
    }
    JOB_STATE "job-state" 409 {
        en: "The job is in another state", "the job is {state}: a job that runs can be cancelled, one that failed or was cancelled can be resumed";
        zh: "作业状态不符", "作业{state}：运行中的作业可以取消，失败或已取消的作业可以恢复";
    }
    BODY_TOO_LARGE "body-too-large" 413 {
        en: "The body is too large", "a body has at most {max} bytes here";
        zh: "请求正文过大", "此处请求正文最多 {max} 字节";
    }
    ADDRESS_TOO_LONG "address-too-long" 414 {
        en: "The address is too long", "send what is long in the body";
        zh: "请求地址过长", "请将较长的内容放入请求正文";
    }
    UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" 415 {
        en: "Another content type is needed", "send the body as `{expected}`";
        zh: "内容类型不支持", "请以 `{expected}` 发送请求正文";
    }
    RANGE_BEYOND "range-beyond" 416 {
        en: "The file has no such part", "the file has {bytes} bytes";
        zh: "请求的范围超出文件", "文件共 {bytes} 字节";
    }
    OPERATION_REFUSED "operation-refused" 422 {
        en: "The operation refused", "the operation answered `{case}`: see `error`";
        zh: "操作被拒绝", "该操作返回 `{case}`：见 `error`";
    }
    IDEMPOTENCY_MISMATCH "idempotency-mismatch" 422 {
        en: "The idempotency key was used for another body", "use a new `Idempotency-Key` for a new request";
        zh: "幂等键已用于其他正文", "新的请求请使用新的 `Idempotency-Key`";
    }
    COMPONENT_REFUSED "component-refused" 422 {
        en: "The component is refused", "`reasons` lists what is wrong with the component";
        zh: "组件被拒绝", "`reasons` 列出组件的问题";
    }
    NOT_ENABLED "not-enabled" 424 {
        en: "A needed area is not enabled", "the operation needs an area that is not enabled here: {interface}";
        zh: "所依赖的业务域未启用", "该操作依赖的业务域在此处未启用：{interface}";
    }
    FILE_QUOTA "file-quota" 429 {
        en: "There is no room for more files", "the files here may have {quota} bytes and have {used}: what no record names goes after a day";
        zh: "文件空间不足", "此处文件最多 {quota} 字节，已用 {used} 字节：没有记录引用的文件一天后清除";
    }
    THROTTLED "throttled" 429 {
        en: "Too many failures", "try again in {seconds} seconds";
        zh: "失败次数过多", "请在 {seconds} 秒后重试";
    }
    TOO_MANY_JOBS "too-many-jobs" 429 {
        en: "Too many jobs run", "the plugin has as many jobs running here as the limit `{limit}` allows: wait until one has ended, or cancel one";
        zh: "运行中的作业过多", "该插件在此处运行的作业已达上限 `{limit}`：请等待其中一个结束，或取消一个";
    }
    HEAD_TOO_LARGE "head-too-large" 431 {
        en: "The head is too large", "the address and the header fields have at most {max} bytes together, and the fields are at most 100";
        zh: "请求头过大", "请求地址与各字段合计最多 {max} 字节，字段最多 100 个";
    }
    TRAP "trap" 500 {
        en: "The plugin failed", "the plugin `{plugin}` failed; nothing was changed. The operator finds the reason in the log under the request id";
        zh: "插件故障", "插件 `{plugin}` 发生故障，未做任何更改。运维人员可凭请求编号在日志中查找原因";
    }
    LIMIT_EXCEEDED "limit-exceeded" 500 {
        en: "A limit was exceeded", "the call exceeded the limit `{limit}`; nothing was changed";
        zh: "超出限制", "调用超出限制 `{limit}`，未做任何更改";
    }
    INTERNAL "internal" 500 {
        en: "The kernel failed", "the operator finds the reason in the log under the request id";
        zh: "系统内部错误", "运维人员可凭请求编号在日志中查找原因";
    }
    FULL "full" 503 {
        en: "The kernel is full", "as much runs as the limit `{limit}` allows; nothing was changed: try again";
        zh: "系统繁忙", "已达上限 `{limit}`，未做任何更改：请重试";
    }
    PLUGIN_SUSPENDED "plugin-suspended" 503 {
        en: "The plugin is suspended", "the plugin `{plugin}` failed too often here; nothing was changed: it is tried again in {seconds} seconds";
        zh: "插件已暂停", "插件 `{plugin}` 在此处连续故障，未做任何更改：{seconds} 秒后将再次尝试";
    }
    SIGN_IN_BUSY "sign-in-busy" 503 {
        en: "Too many sign-ins at once", "try again in a moment";
        zh: "登录请求过多", "请稍后重试";
    }
    CONFLICT "conflict" 503 {
        en: "Others were faster", "other calls changed the same records at every attempt; nothing was changed: try again";
        zh: "并发冲突", "每次尝试时相同记录均被其他调用修改，未做任何更改：请重试";
    }
    OUTCOME_UNKNOWN "outcome-unknown" 503 {
        en: "The outcome is not known", "the disk failed during the commit: ask again with the same `Idempotency-Key`";
        zh: "结果未知", "提交时磁盘故障：请使用相同的 `Idempotency-Key` 重新请求";
    }
    UNAVAILABLE "unavailable" 503 {
        en: "The kernel is not available", "the kernel stops, or waits for a restart after the disk failed; nothing was changed";
        zh: "系统不可用", "系统正在停止，或在磁盘故障后等待重启，未做任何更改";
    }
    TIMEOUT "timeout" 504 {
        en: "It took too long", "the call did not end in time; nothing was changed";
        zh: "处理超时", "调用未在规定时间内完成，未做任何更改";
    }
    READ_ONLY "read-only" 507 {
        en: "The disk is full", "the kernel only reads until there is space; nothing was changed";
        zh: "磁盘已满", "释放空间之前系统只读，未做任何更改";
    }
}

/// What a job is, in a sentence.
pub(crate) fn job_state(state: JobState) -> Text {
    let zh = match state {
        JobState::Running => "正在运行",
        JobState::Done => "已完成",
        JobState::Failed => "已失败",
        JobState::Cancelled => "已取消",
    };
    Text { en: state.name(), zh }
}

/// The words for `what` of a resource in Chinese.
pub(crate) fn resource(what: &'static str) -> Text {
    let zh = match what {
        "group" => "集团",
        "store" => "门店",
        "user" => "用户",
        "role" => "角色",
        "session" => "会话",
        "API key" => "API 密钥",
        "link" => "链接",
        "module" => "模块",
        "plugin" => "插件",
        "dead letter" => "死信",
        "subscription" => "订阅",
        "parked key" => "暂停的键",
        "file" => "文件",
        "secret" => "密钥",
        "outbound request" => "外发请求",
        "job" => "作业",
        _ => "系统",
    };
    Text { en: what, zh }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn words(text: &str) -> HashSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(word, _)| word).collect()
    }

    #[test]
    fn every_problem_is_told_in_both_languages_with_the_same_words() {
        for kind in ALL {
            let Kind { name, title, detail, .. } = kind;
            assert_eq!(words(detail.en), words(detail.zh), "{name}");
            for text in [title.en, detail.en] {
                assert!(text.is_ascii() && !text.is_empty() && !text.ends_with('.'), "{name}: {text}");
            }
            for text in [title.zh, detail.zh] {
                assert!(
                    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)) && !text.ends_with('。'),
                    "{name}: {text}"
                );
            }
            assert!(title.en.starts_with(|c: char| c.is_ascii_uppercase()) && words(title.en).is_empty(), "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_stand_in_the_order_of_their_status() {
        let names: HashSet<_> = ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
        assert!(ALL.is_sorted_by_key(|kind| kind.status));
        assert!(ALL.iter().all(|kind| (400..600).contains(&kind.status)));
    }
}
