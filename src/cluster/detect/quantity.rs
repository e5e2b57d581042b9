//! Resource quantities as numbers, to compare them.

/// The value of a quantity such as `500m`, `1.5Gi` or `12e3`, in its base unit; none where it cannot be read.
pub(super) fn value(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text
        .find(|character: char| {
            !(character.is_ascii_digit() || matches!(character, '.' | '+' | '-'))
        })
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            10_f64.powi(power)
        }
    };
    Some(number * factor)
}

/// Whether `used` reaches `hard`, both readable and `hard` more than zero: a quota of zero is a prohibition, not used up.
pub(super) fn is_used_up(used: &str, hard: &str) -> bool {
    match (value(used), value(hard)) {
        // A billionth off is rounding.
        (Some(used), Some(hard)) => hard > 0.0 && used >= hard * (1.0 - 1e-9),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_compare_across_units() {
        assert!(
            is_used_up("1000m", "1")
                && is_used_up("1Gi", "1024Mi")
                && is_used_up("2e3", "2k")
                && is_used_up("5", "4")
        );
        assert!(!is_used_up("999m", "1") && !is_used_up("1G", "1Gi"));
    }

    #[test]
    fn a_quota_of_zero_and_nonsense_are_not_used_up() {
        assert!(
            !is_used_up("0", "0")
                && !is_used_up("", "1")
                && !is_used_up("x", "y")
                && !is_used_up("1Zi", "1Zi")
        );
    }
}
