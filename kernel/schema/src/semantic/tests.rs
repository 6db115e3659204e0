use proptest::prelude::*;

use super::*;

/// 2026-01-10, noon in China.
const NOW: Timestamp = Timestamp::from_millis(1_768_017_600_000);

/// What a vector of DOMAIN §13 expects.
#[derive(Clone, Copy)]
enum Expect {
    /// Accepted as it is.
    Good,
    /// Accepted, with this warning.
    Warns(&'static str),
    /// Accepted after becoming this.
    Becomes(&'static str),
    /// Refused with this rule.
    Bad(&'static str),
}
use Expect::{Bad, Becomes, Good, Warns};

fn run(semantic: Semantic, vectors: &[(&str, Expect)]) {
    for (text, expect) in vectors {
        let normalised = semantic.normalise_at(text, NOW);
        let outcome = normalised.as_ref().map(|n| (n.value.as_ref(), n.warning.as_ref().map(|rule| rule.code)));
        let outcome = outcome.map_err(|rule| rule.code);
        match expect {
            Good => assert_eq!(outcome, Ok((*text, None)), "{text}"),
            Warns(code) => assert_eq!(outcome, Ok((*text, Some(*code))), "{text}"),
            Becomes(value) => assert_eq!(outcome, Ok((*value, None)), "{text}"),
            Bad(code) => assert_eq!(outcome, Err(*code), "{text}"),
        }
        let canonical = matches!(expect, Good | Warns(_));
        assert_eq!(semantic.check_at(text, NOW).is_ok(), canonical, "check of {text}");
        if let Ok(normalised) = normalised {
            assert_eq!(semantic.check_at(&normalised.value, NOW), Ok(()), "check of what {text} became");
        }
    }
}

#[test]
fn vin_vectors() {
    run(
        Semantic::Vin,
        &[
            ("LATPAB071W1005301", Good),
            ("1M8GDM9AXKP042788", Good),
            ("11111111111111111", Good),
            ("LZZTEST14TA000001", Good),
            ("LZZTEST16TA000002", Good),
            ("LZZTEST18TA000003", Good),
            ("LZZTEST11TA000005", Good),
            ("LZZTEST13TA000006", Good),
            ("LZZTEST15TA000007", Good),
            ("LFTTEST22SB000100", Good),
            ("LFTTEST24SB000101", Good),
            ("LZZTEST15TA000001", Bad("vin-check-digit")),
            ("LZZTEST1OTA000001", Bad("vin-form")),
            ("LZZTEST14TA00001", Bad("vin-form")),
            ("LZZTEST14UA000001", Bad("vin-check-digit")),
            ("lzztest14ta000001", Becomes("LZZTEST14TA000001")),
            ("LZZTEST14 TA000001", Bad("vin-form")),
            (" LZZTEST14TA000001", Bad("vin-form")),
            ("WVWZZZ1JZXW000001", Warns("vin-check-digit")),
            ("", Bad("vin-form")),
            ("京ZZTEST14TA0001", Bad("vin-form")),
        ],
    );
}

#[test]
fn a_model_year_that_does_not_exist_is_an_error_only_in_china() {
    let with_check = |text: &str| {
        (b'0'..=b'9').chain([b'X']).map(|digit| format!("{}{}{}", &text[..8], digit as char, &text[9..])).find(|vin| {
            vin::check(vin).map_err(|rule| rule.code) != Err("vin-check-digit")
                && !vin::check(vin).is_ok_and(|warning| warning.is_some_and(|rule| rule.code == "vin-check-digit"))
        })
    };
    let chinese = with_check("LZZTEST14UA000001").unwrap();
    assert_eq!(Semantic::Vin.check(&chinese).unwrap_err().code, "vin-year");
    let imported = with_check("WVWZZZ1JZZW000001").unwrap();
    assert_eq!(Semantic::Vin.normalise(&imported).unwrap().warning.unwrap().code, "vin-year");
}

#[test]
fn credit_code_vectors() {
    run(
        Semantic::CreditCode,
        &[
            ("91350100M000100Y43", Good),
            ("91350100M000100Y4Z", Bad("credit-code-form")),
            ("91310000MA1TEXT06C", Good),
            ("91110000MA0TEUT145", Good),
            ("91999900MA9000265Y", Warns("credit-code-region")),
            ("91310000MA1TEXT06D", Bad("credit-code-check")),
            ("91310000MA1TEST06C", Bad("credit-code-form")),
            ("913200000000000001", Bad("credit-code-check")),
            ("913200000000000000", Good),
            ("91310000ma1text06c", Becomes("91310000MA1TEXT06C")),
            ("91310000MA1TEXT06", Bad("credit-code-form")),
        ],
    );
}

#[test]
fn a_wrong_inner_check_of_a_credit_code_is_a_warning() {
    let inner_wrong = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().map(|last| format!("91350100M000100Y3{last}"));
    let outer_right: Vec<String> = inner_wrong.filter(|code| Semantic::CreditCode.check(code).is_ok()).collect();
    assert_eq!(outer_right.len(), 1);
    let warning = Semantic::CreditCode.normalise(&outer_right[0]).unwrap().warning.unwrap();
    assert_eq!(warning.code, "credit-code-organisation");
}

#[test]
fn resident_id_vectors() {
    run(
        Semantic::ResidentId,
        &[
            ("11010519491231002X", Good),
            ("440524188001010014", Good),
            ("110101190001010014", Good),
            ("110101190001010022", Good),
            ("110101190001010030", Good),
            ("11010119000101009X", Good),
            ("110101190402290010", Good),
            ("110101190002290011", Bad("resident-id-birth")),
            ("110101209901010017", Bad("resident-id-future")),
            ("000101190001010019", Bad("resident-id-region")),
            ("810000190001010018", Good),
            ("110101190001010015", Bad("resident-id-check")),
            ("11010119000101009x", Becomes("11010119000101009X")),
            ("11010119000101001", Bad("resident-id-form")),
        ],
    );
    assert!(Semantic::ResidentId.check("110101209901010017").is_ok(), "without a clock a date of birth may be any");
}

#[test]
fn mobile_vectors() {
    run(
        Semantic::Mobile,
        &[
            ("13800138000", Good),
            ("+86 138-0013-8000", Becomes("13800138000")),
            ("008613800138000", Becomes("13800138000")),
            ("8613800138000", Becomes("13800138000")),
            ("12800138000", Bad("mobile-form")),
            ("1380013800", Bad("mobile-form")),
            ("138001380000", Bad("mobile-form")),
            ("2380013800x", Bad("mobile-form")),
            ("", Bad("mobile-form")),
        ],
    );
}

#[test]
fn plate_vectors() {
    run(
        Semantic::Plate,
        &[
            ("京A00000", Good),
            ("沪B0K123", Good),
            ("粤B0000挂", Good),
            ("鲁B0000学", Good),
            ("京AD00000", Good),
            ("粤BDX1234", Good),
            ("京A00000D", Good),
            ("京A0000I", Bad("plate-form")),
            ("京A0000", Bad("plate-form")),
            ("AB12345", Bad("plate-form")),
            ("京AD00000D", Bad("plate-form")),
            ("沪AF1Z345", Bad("plate-form")),
            ("京O00000", Warns("plate-office")),
            ("京I00000", Bad("plate-form")),
            ("京A·12345", Becomes("京A12345")),
            ("京a 1234d", Becomes("京A1234D")),
            ("京AL00000", Bad("plate-form")),
            ("京A0000挂0", Bad("plate-form")),
        ],
    );
}

#[test]
fn date_and_datetime_vectors() {
    run(
        Semantic::Date,
        &[
            ("2026-01-10", Good),
            ("2024-02-29", Good),
            ("2026-02-29", Bad("date")),
            ("2026/1/10", Becomes("2026-01-10")),
            ("2026.01.10", Becomes("2026-01-10")),
            ("2026年1月10日", Becomes("2026-01-10")),
            (" 2026-01-10 ", Becomes("2026-01-10")),
            ("26-01-10", Bad("date")),
            ("20260110", Bad("date")),
            ("2026-13-01", Bad("date")),
            ("2026-01-10T00:00:00Z", Bad("date")),
        ],
    );
    run(
        Semantic::Datetime,
        &[
            ("2026-01-10T08:30:00.000Z", Good),
            ("2026-01-10T08:30:00Z", Becomes("2026-01-10T08:30:00.000Z")),
            ("2026-01-10T16:30:00+08:00", Becomes("2026-01-10T08:30:00.000Z")),
            ("2026-01-10T08:30:00.1239Z", Becomes("2026-01-10T08:30:00.123Z")),
            ("2026-01-10T24:00:00.000Z", Bad("datetime")),
            ("2026-01-10T08:30:00", Bad("datetime")),
            ("2026-01-10", Bad("datetime")),
            ("9999-12-31T23:59:59-10:00", Bad("datetime")),
        ],
    );
}

#[test]
fn ids_and_texts_are_bounded() {
    let file = "0123456789abcdef".repeat(4);
    run(Semantic::FileRef, &[(&file, Good), ("abc", Bad("file-ref"))]);
    assert_eq!(Semantic::FileRef.normalise(&file.to_uppercase()).unwrap().value, file);
    run(
        Semantic::UserId,
        &[
            ("li.wei", Good),
            ("plugin:repair", Good),
            ("link:0123456789abcdef", Good),
            ("link:x", Bad("user-id")),
            ("Li Wei", Bad("user-id")),
            ("plugin:", Bad("user-id")),
        ],
    );
    run(Semantic::CustomerId, &[("c-1", Good), ("", Bad("record-id")), ("a/b", Bad("record-id"))]);
    run(Semantic::PageToken, &[("AAEC", Good), ("a b", Bad("page-token"))]);
    run(Semantic::PersonalText, &[("王小明\n北京", Good), (" a ", Good), ("a\0", Bad("personal-text"))]);
    assert!(Semantic::PersonalText.check(&"长".repeat(4_001)).is_err());
}

#[test]
fn integers_have_the_bounds_of_their_wit_type() {
    assert!(Semantic::Money.check_integer(i64::MIN).is_ok());
    assert!(Semantic::Mileage.check_integer(-1).is_err());
    assert!(Semantic::Percent.check_integer(1 << 40).is_err());
    assert!(Semantic::Vin.check_integer(1).is_err());
    assert!(Semantic::Money.check("1").is_err());
}

#[test]
fn names_lead_back_to_their_types() {
    for semantic in Semantic::all() {
        assert_eq!(Semantic::from_name(semantic.name()), Some(semantic));
    }
    assert_eq!(Semantic::from_name("colour"), None);
    let personal: Vec<&str> = Semantic::all().filter(|semantic| semantic.personal()).map(Semantic::name).collect();
    assert_eq!(personal, ["plate", "mobile", "resident-id", "customer-id", "personal-text"]);
}

/// Replaces the character at `at` by `to`.
fn corrupted(text: &str, at: usize, to: char) -> String {
    text.chars().enumerate().map(|(index, c)| if index == at { to } else { c }).collect()
}

fn vin_value(c: char) -> u32 {
    let alphabet = ["0123456789", "?ABCDEFGH", "?JKLMN?P?R", "??STUVWXYZ"];
    alphabet.iter().find_map(|values| values.find(c)).unwrap() as u32
}

fn vin_of(body: &str) -> String {
    let vin = format!("L{}{}", &body[..7], "?").to_owned() + &body[7..];
    let found = (b'0'..=b'9').chain([b'X']).map(|digit| vin.replace('?', &(digit as char).to_string()));
    found.into_iter().find(|vin| Semantic::Vin.check(vin).is_ok()).unwrap()
}

proptest! {
    #[test]
    fn a_wrong_character_in_a_chinese_vin_is_found(
        body in "[A-HJ-NPR-Z0-9]{7}[1-9A-HJ-NPR-TV-Y][A-HJ-NPR-Z0-9]{7}", at in 1_usize..17, to in "[A-HJ-NPR-Z0-9]",
    ) {
        let vin = vin_of(&body);
        let to = to.chars().next().unwrap();
        let from = vin.chars().nth(at).unwrap();
        // Letters that count alike cannot be told apart by the check digit; the digit itself can.
        prop_assume!(from != to && (at == 8 || vin_value(from) != vin_value(to)));
        prop_assert!(Semantic::Vin.check(&corrupted(&vin, at, to)).is_err());
        let lower = vin.to_lowercase();
        prop_assert_eq!(Semantic::Vin.normalise(&lower).unwrap().value, vin);
    }

    #[test]
    fn a_wrong_character_in_a_resident_id_is_found(
        region in prop::sample::select(vec!["110101", "310104", "440524", "820000"]),
        days in 0_i64..40_000, order in 0_u32..1000, at in 0_usize..18, to in "[0-9X]",
    ) {
        let birth = jiff::civil::date(1900, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        let body = format!("{region}{}{order:03}", birth.strftime("%Y%m%d"));
        let mut ids = "0123456789X".chars().map(|c| format!("{body}{c}"));
        let id = ids.find(|id| Semantic::ResidentId.check(id).is_ok()).unwrap();
        let to = to.chars().next().unwrap();
        prop_assume!(id.chars().nth(at) != Some(to));
        prop_assert!(Semantic::ResidentId.check(&corrupted(&id, at, to)).is_err());
    }

    #[test]
    fn a_wrong_character_in_a_credit_code_is_found(
        body in "[0-9A-HJ-NPQRTUWXY]{17}", at in 0_usize..18, to in "[0-9A-HJ-NPQRTUWXY]",
    ) {
        let all = "0123456789ABCDEFGHJKLMNPQRTUWXY";
        let mut codes = all.chars().map(|c| format!("{body}{c}"));
        let code = codes.find(|code| Semantic::CreditCode.check(code).is_ok()).unwrap();
        let to = to.chars().next().unwrap();
        prop_assume!(code.chars().nth(at) != Some(to));
        prop_assert!(Semantic::CreditCode.check(&corrupted(&code, at, to)).is_err());
    }

    #[test]
    fn what_is_normalised_is_canonical_and_stays(text in "\\PC{0,24}", which in 0_usize..17) {
        let semantic = Semantic::all().nth(which).unwrap();
        if semantic.base() == Base::Text && let Ok(normalised) = semantic.normalise(&text) {
            prop_assert_eq!(semantic.check(&normalised.value), Ok(()));
            let again = semantic.normalise(&normalised.value).unwrap();
            prop_assert_eq!(again.value, normalised.value.clone());
        }
    }

    #[test]
    fn instants_keep_their_order_as_text(
        a in -60_000_000_000_000_i64..250_000_000_000_000, b in -60_000_000_000_000_i64..250_000_000_000_000,
    ) {
        let text = |millis| Timestamp::from_millis(millis).to_rfc3339();
        prop_assert_eq!(Semantic::Datetime.check(&text(a)), Ok(()));
        prop_assert_eq!(text(a).cmp(&text(b)), a.cmp(&b));
    }
}
