//! The examples do what they say.

#[path = "../../examples/database_replicas.rs"]
#[expect(dead_code, reason = "its main prints what is compared here")]
mod database_replicas;

#[path = "../../examples/print_queues.rs"]
#[expect(dead_code, reason = "its main prints what is compared here")]
mod print_queues;

#[test]
fn databases_serve_reads_by_speed_and_health() {
    let lines = database_replicas::run().unwrap();
    assert_eq!(lines[0], "a write goes to postgres://primary");
    let share = |line: &str| line.split(": ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    assert!(share(&lines[1]).unwrap() > 250, "{}", lines[1]);
    assert_eq!(share(&lines[2]).unwrap(), 0, "{}", lines[2]);
    assert!(share(&lines[3]).unwrap() > 200, "{}", lines[3]);
    assert_eq!(lines[4], "both drained: a read goes to postgres://primary");
}

#[test]
fn printers_print_every_job_once() {
    let lines = print_queues::run().unwrap();
    assert_eq!(lines.len(), 40);
    assert_eq!(lines.iter().filter(|line| line.starts_with("A3 for")).count(), 10);
    assert_eq!(lines.iter().filter(|line| line.contains("research on the")).count(), 10, "{lines:?}");
}
