//! The demo's records: a catalogue with stock, a price list of labour, and repair orders on their way through the workshop.

mod visit;
mod visits;

use serde_json::json;

use super::stage::Stage;
use crate::failure::Failure;

/// The store whose people make the records.
const STORE: &str = "bj01";

/// One thousandth of a unit counts 1, one fen counts 1.
const UNIT: i64 = 1_000;

/// A part with its first delivery.
struct Part {
    number: &'static str,
    name: &'static str,
    brand: &'static str,
    grade: &'static str,
    unit: &'static str,
    price_fen: i64,
    cost_fen: i64,
    minimum: i64,
    stock: i64,
}

const fn part(
    (number, name, brand, grade, unit): (&'static str, &'static str, &'static str, &'static str, &'static str),
    (price_fen, cost_fen): (i64, i64),
    (minimum, stock): (i64, i64),
) -> Part {
    Part { number, name, brand, grade, unit, price_fen, cost_fen, minimum, stock }
}

const PARTS: [Part; 12] = [
    part(("04E115561H", "机油滤清器", "大众", "original", "件"), (5_800, 3_100), (10, 40)),
    part(("G052195M2", "全合成机油 5W-40", "大众", "original", "升"), (9_800, 5_600), (40, 160)),
    part(("5Q0819653", "空调滤清器", "大众", "original", "件"), (12_800, 6_900), (6, 18)),
    part(("04E129620A", "空气滤清器", "马勒", "equivalent", "件"), (7_600, 3_800), (6, 16)),
    part(("04E905612C", "火花塞", "博世", "equivalent", "件"), (8_600, 4_700), (8, 32)),
    part(("5Q0698151F", "前制动片", "大众", "original", "套"), (68_000, 39_000), (3, 8)),
    part(("5Q0698451AA", "后制动片", "菲罗多", "equivalent", "套"), (42_000, 22_500), (3, 6)),
    part(("5Q0615301F", "前制动盘", "大众", "original", "件"), (78_000, 46_000), (2, 4)),
    part(("000915105DG", "蓄电池 12V 69Ah", "瓦尔塔", "equivalent", "件"), (96_000, 58_000), (2, 5)),
    part(("5G1955425E", "前雨刮片", "博世", "equivalent", "套"), (21_000, 9_800), (5, 12)),
    part(("B000750M3", "制动液 DOT4", "大众", "original", "升"), (8_800, 4_200), (5, 20)),
    part(("0AM325066AC", "双离合变速箱机电单元", "大众", "remanufactured", "件"), (1_180_000, 820_000), (0, 0)),
];

/// Code, name, trade, standard hours in thousandths.
const LABOUR: [(&str, &str, &str, i64); 8] = [
    ("MT-0101", "更换机油及机油滤清器", "mechanical", 600),
    ("MT-0102", "更换空气滤清器", "mechanical", 200),
    ("MT-0103", "更换空调滤清器", "mechanical", 300),
    ("BR-0201", "更换前制动片", "mechanical", 1_200),
    ("BR-0203", "更换前制动盘（两侧）", "mechanical", 1_800),
    ("EN-0301", "更换火花塞（四只）", "mechanical", 1_000),
    ("EL-0401", "更换蓄电池并匹配", "electrical", 700),
    ("BD-0501", "前保险杠局部喷漆", "body", 3_500),
];

/// What an hour costs by trade, in fen.
const RATES: [(&str, i64); 3] = [("mechanical", 18_000), ("electrical", 22_000), ("body", 20_000)];

/// Makes all of it.
pub(super) async fn make(stage: &Stage<'_>) -> Result<(), Failure> {
    parts(stage).await?;
    price_list(stage).await?;
    for visit in &visits::ALL {
        visit.make(stage).await?;
    }
    Ok(())
}

async fn parts(stage: &Stage<'_>) -> Result<(), Failure> {
    for part in &PARTS {
        let new = json!({"part": {
            "number": part.number, "name": part.name, "brand": part.brand, "grade": part.grade, "unit": part.unit,
            "price": part.price_fen, "minimum": part.minimum * UNIT,
        }});
        stage.call(STORE, "parts_manager", "parts/catalogue/add-part", &format!("part-{}", part.number), new).await?;
        if part.stock == 0 {
            continue;
        }
        let receipt = json!({"receipt": {
            "part": part.number, "quantity": part.stock * UNIT, "unit_cost": part.cost_fen, "quality": "ok",
            "supplier": "华北配件中心库",
        }});
        stage.call(STORE, "parts", "parts/stock/receive", &format!("stock-{}", part.number), receipt).await?;
    }
    Ok(())
}

async fn price_list(stage: &Stage<'_>) -> Result<(), Failure> {
    for (category, per_hour) in RATES {
        let rate = json!({"category": category, "expected_version": 0, "per_hour": per_hour});
        stage.call(STORE, "svc_manager", "repair/price-list/set-rate", &format!("rate-{category}"), rate).await?;
    }
    for (code, name, category, std_hours) in LABOUR {
        let operation =
            json!({"operation": {"code": code, "name": name, "category": category, "std_hours": std_hours}});
        stage
            .call(STORE, "svc_manager", "repair/price-list/add-operation", &format!("labour-{code}"), operation)
            .await?;
    }
    Ok(())
}
