//! The closed list of conditions, read by name.
use k8sfaq::faq::condition::Condition;

#[test]
fn every_condition_is_found_by_its_own_name() {
    for condition in Condition::ALL {
        assert_eq!(condition.name().parse(), Ok(*condition));
    }
}

#[test]
fn a_name_that_is_no_condition_is_refused() {
    assert!("crashloopbackoff".parse::<Condition>().is_err());
}
