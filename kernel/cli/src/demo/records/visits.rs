//! Who came to the workshop.

use super::visit::{Reach, Visit};

/// The visits in the order in which they began. One technician works, on one order at a time, so what is done comes before what
/// is going on.
pub(super) static ALL: [Visit; 7] = [
    Visit {
        key: "ro-1",
        kind: "maintenance",
        vin: "LFV3A23C9J3012345",
        plate: "京N8K521",
        odometer_km: 60_320,
        contact: ("王建国", "13801230001"),
        words: "做六万公里保养，最近空调出风有异味",
        category: "mechanical",
        cause: "到期保养，空调滤清器发霉",
        correction: "更换机油、机滤、空气滤和空调滤",
        labour: &["MT-0101", "MT-0102", "MT-0103"],
        parts: &[("04E115561H", 1), ("G052195M2", 4), ("04E129620A", 1), ("5Q0819653", 1)],
        reach: Reach::WorkDone,
    },
    Visit {
        key: "ro-2",
        kind: "repair",
        vin: "LSVNV2187E2100001",
        plate: "京Q2M786",
        odometer_km: 98_740,
        contact: ("李秀英", "13901230002"),
        words: "踩刹车时前轮有尖叫声",
        category: "mechanical",
        cause: "前制动片磨损到极限，制动盘有沟槽",
        correction: "更换前制动片和两侧制动盘",
        labour: &["BR-0201", "BR-0203"],
        parts: &[("5Q0698151F", 1), ("5Q0615301F", 2)],
        reach: Reach::InProgress,
    },
    Visit {
        key: "ro-3",
        kind: "repair",
        vin: "LHGCM5633H2034567",
        plate: "京P6D309",
        odometer_km: 71_050,
        contact: ("张伟", "13701230003"),
        words: "早上启动困难，要打好几次火",
        category: "electrical",
        cause: "蓄电池容量不足",
        correction: "更换蓄电池并匹配",
        labour: &["EL-0401"],
        parts: &[("000915105DG", 1)],
        reach: Reach::Approved,
    },
    Visit {
        key: "ro-4",
        kind: "repair",
        vin: "LGBH52E04FY123456",
        plate: "京L1F058",
        odometer_km: 132_600,
        contact: ("赵敏", "13601230004"),
        words: "换挡顿挫，仪表提示变速箱故障",
        category: "mechanical",
        cause: "变速箱机电单元内部泄压",
        correction: "更换再制造机电单元",
        labour: &[],
        parts: &[("0AM325066AC", 1)],
        reach: Reach::Declined,
    },
    Visit {
        key: "ro-5",
        kind: "repair",
        vin: "LVSHCAMBXKE098765",
        plate: "京M9T442",
        odometer_km: 45_880,
        contact: ("陈静", "13501230005"),
        words: "怠速抖动，油耗变高",
        category: "mechanical",
        cause: "火花塞电极烧蚀",
        correction: "更换四只火花塞",
        labour: &["EN-0301"],
        parts: &[("04E905612C", 4)],
        reach: Reach::AwaitingApproval,
    },
    Visit {
        key: "ro-6",
        kind: "accident",
        vin: "LBV8A1400LMH23456",
        plate: "京H7V613",
        odometer_km: 28_410,
        contact: ("刘洋", "13301230006"),
        words: "倒车刮到柱子，前保险杠右侧掉漆",
        category: "body",
        cause: "前保险杠右侧漆面划伤，无变形",
        correction: "局部喷漆",
        labour: &["BD-0501"],
        parts: &[],
        reach: Reach::Quoting,
    },
    Visit {
        key: "ro-7",
        kind: "maintenance",
        vin: "LC0CE4CB0N0112233",
        plate: "京AD12345",
        odometer_km: 19_900,
        contact: ("孙丽", "13201230007"),
        words: "两万公里保养，雨刮刮不干净",
        category: "mechanical",
        cause: "",
        correction: "",
        labour: &[],
        parts: &[],
        reach: Reach::Received,
    },
];

#[cfg(test)]
mod tests {
    use super::super::{LABOUR, PARTS};
    use super::*;

    #[test]
    fn visits_use_what_the_lists_have() {
        for visit in &ALL {
            for code in visit.labour {
                assert!(LABOUR.iter().any(|(known, ..)| known == code), "{code}");
            }
            for (number, units) in visit.parts {
                let part = PARTS.iter().find(|part| part.number == *number).unwrap();
                assert!(part.stock >= *units || visit.reach < Reach::Approved, "{number}");
            }
        }
    }

    #[test]
    fn keys_and_vehicles_are_unique() {
        for field in [|visit: &Visit| visit.key, |visit: &Visit| visit.vin, |visit: &Visit| visit.plate] {
            let mut values: Vec<&str> = ALL.iter().map(field).collect();
            values.sort_unstable();
            values.dedup();
            assert_eq!(values.len(), ALL.len());
        }
    }
}
