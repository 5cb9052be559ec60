//! Ed25519 as RFC 8032 has it, and signatures that lenient verifiers take.

use super::{ALICE, Case, Here, NOW, key, standard};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signer, VerifyingKey};
use serde_json::json;
use sha2::{Digest, Sha512};
use squall_policy::wire::Operator;
use squall_policy::{Code, Report, load_plugin_on};

/// An operator with this public key, as a configuration has it; else the code of what is wrong with the key.
fn operator(public: &[u8]) -> Result<Operator, Code> {
    let one = json!([{"name": "someone", "key": standard(public), "may": ["start"], "up_to": "low"}]);
    let config = Case::good().configured("/operators", one).config;
    let mut report = Report::default();
    let loaded =
        load_plugin_on(config.to_string().as_bytes(), &mut Here { accepted: false }, NOW, &mut report);
    match loaded {
        Some(loaded) => Ok(loaded.operators.get("someone").expect("the operator").clone()),
        None => Err(report.findings.first().expect("a finding").code),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}

/// RFC 8032, section 7.1: tests 1, 2, 3 and SHA(abc). Secret key, public key, message, signature.
const VECTORS: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

#[test]
fn the_vectors_of_rfc_8032() {
    for [secret, public, message, signature] in VECTORS {
        let (public, message, signature) = (hex(public), hex(message), hex(signature));
        let someone = operator(&public).expect("a good key");
        assert!(someone.has_signed(&message, &signature), "{secret}");
        let secret: [u8; 32] = hex(secret).try_into().expect("32 bytes");
        let pair = ed25519_dalek::SigningKey::from_bytes(&secret);
        assert_eq!(pair.verifying_key().as_bytes().as_slice(), public);
        assert_eq!(pair.sign(&message).to_bytes().as_slice(), signature);
        // Not one byte may be another one.
        for bit in (0..signature.len() * 8).step_by(11) {
            let mut other = signature.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!someone.has_signed(&message, &other), "{public:?}: bit {bit}");
        }
        assert!(!someone.has_signed(&[&message[..], &[0]].concat(), &signature));
        assert!(!someone.has_signed(&message, &signature[..63]) && !someone.has_signed(&message, &[]));
    }
}

/// The secret scalar of a key.
fn scalar(seed: u8) -> Scalar {
    let hash = Sha512::digest([seed; 32]);
    let mut bytes: [u8; 32] = hash[..32].try_into().expect("32 bytes");
    bytes[0] &= 248;
    bytes[31] = (bytes[31] & 127) | 64;
    Scalar::from_bytes_mod_order(bytes)
}

fn challenge(r: &[u8; 32], public: &VerifyingKey, message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(public.as_bytes()).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// A signature by alice with this R, written so; `r` is the part of it that is a multiple of the base point.
fn forged(r: Scalar, written: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let s = r + challenge(written, &key(ALICE).verifying_key(), message) * scalar(ALICE);
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(written);
    signature[32..].copy_from_slice(s.as_bytes());
    signature
}

/// The order of the base point, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn plus_order(signature: &[u8; 64]) -> [u8; 64] {
    let mut sum = *signature;
    let mut carry = 0;
    for (byte, add) in sum[32..].iter_mut().zip(ORDER) {
        let total = u16::from(*byte) + u16::from(add) + carry;
        *byte = (total & 0xff) as u8;
        carry = total >> 8;
    }
    assert_eq!(carry, 0);
    sum
}

/// 2^255 - 19 plus a small number, little-endian: the second way to write that number.
fn unusual(number: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + number;
    bytes[31] = 0x7f;
    bytes
}

#[test]
fn p6_signatures_that_lenient_verifiers_take() {
    let message = b"a mission";
    let alice = operator(key(ALICE).verifying_key().as_bytes()).expect("a good key");
    let r = Scalar::from(8842_u64);
    let point = ED25519_BASEPOINT_POINT * r;
    let good = forged(r, &point.compress().0, message);
    assert!(alice.has_signed(message, &good), "the maths of this test");
    assert!(alice.has_signed(message, &key(ALICE).sign(message).to_bytes()));

    assert!(!alice.has_signed(message, &plus_order(&good)), "s + L");
    assert!(!alice.has_signed(message, &plus_order(&key(ALICE).sign(message).to_bytes())), "s + L");
    for torsion in EIGHT_TORSION {
        let small = forged(Scalar::ZERO, &torsion.compress().0, message);
        assert!(!alice.has_signed(message, &small), "R of small order");
        let mixed: EdwardsPoint = point + torsion;
        if torsion != EIGHT_TORSION[0] {
            assert!(
                !alice.has_signed(message, &forged(r, &mixed.compress().0, message)),
                "R with a part of small order"
            );
        }
    }
    // The neutral point, written as y = p + 1.
    assert!(!alice.has_signed(message, &forged(Scalar::ZERO, &unusual(1), message)), "R written unusually");
}

#[test]
fn p6_keys_that_no_pair_has() {
    for torsion in EIGHT_TORSION {
        assert_eq!(operator(&torsion.compress().0).err(), Some(Code::WeakKey));
        let mut other_sign = torsion.compress().0;
        other_sign[31] ^= 0x80;
        assert_eq!(operator(&other_sign).err(), Some(Code::WeakKey));
    }
    // Points with a second way to write them, some of them of large order.
    let unusual: Vec<[u8; 32]> = (0..19).map(unusual).collect();
    let large =
        unusual.iter().filter(|bytes| VerifyingKey::from_bytes(bytes).is_ok_and(|key| !key.is_weak()));
    assert!(large.count() > 0, "there are such");
    assert!(unusual.iter().all(|bytes| operator(bytes).err() == Some(Code::WeakKey)));
}
