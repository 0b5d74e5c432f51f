//! A new certificate while sockets are open.

use crate::authority::Authority;
use crate::encrypted::Encrypted;
use crate::watch::Watch;

#[test]
fn a_reload_drops_nobody_and_later_handshakes_see_the_new_certificate() {
    let watch = Watch::begin();
    let mut authority = Authority::new();
    let (bench, tls) = authority.bench(|_| {});
    let old = authority.client(&[]);
    let mut before = Encrypted::settled(&bench, &old, "alice");
    assert_eq!(before.certificate(), &authority.certificate[..]);

    assert!(!tls.reload().unwrap(), "nothing has changed");
    authority.renew();
    assert!(tls.reload().unwrap());
    let mut after = Encrypted::settled(&bench, &authority.client(&[]), "bob");
    assert_eq!(after.certificate(), &authority.certificate[..]);
    before.settle(&bench);

    // Who was there before comes back with its ticket, and needs no certificate.
    let mut resumed = Encrypted::settled(&bench, &old, "alice");
    assert!(resumed.was_resumed());

    std::fs::write(authority.files().key, "half a fi").unwrap();
    assert!(tls.reload().is_err());
    let mut still = Encrypted::settled(&bench, &authority.client(&[]), "carol");
    assert_eq!(still.certificate(), &authority.certificate[..]);
    [&mut before, &mut after, &mut resumed, &mut still].into_iter().for_each(|client| client.settle(&bench));
    watch.expect("gateway_tls_reloads_total", &[r#"outcome="changed""#], 1.0);
    watch.expect("gateway_tls_reloads_total", &[r#"outcome="failed""#], 1.0);
    watch.expect("gateway_tls_handshakes_total", &[r#"outcome="full""#], 3.0);
    watch.expect("gateway_tls_handshakes_total", &[r#"outcome="resumed""#], 1.0);
    drop((before, after, resumed, still));
    bench.drain();
    watch.expect("gateway_tls_connections", &[], 0.0);
}
