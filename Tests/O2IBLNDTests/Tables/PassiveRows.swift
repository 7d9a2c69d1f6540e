// Spec 02 §4.2, copied by hand: what is wrong with a connect request, and the reason that it is refused with.
// Each row also breaks everything below it that it can, so that the order counts.

import LustreWire

@testable import O2IBLND

struct PassiveRow {
  /// The row of the spec's table.
  var number: Int
  var name: String
  /// The wire's number of the reason; nil: accepted.
  var reason: UInt8?
  /// Whether the reject names our stamp and limits: they are 0 when the NI was not found.
  var namesInterface: Bool
  var hello: Hello
  var port: UInt16 = 1023
}

let strange = NID.o2ib(0x0A00_0099)

let passiveRows: [PassiveRow] = [
  PassiveRow(
    number: 1, name: "unprivileged port", reason: 3, namesInterface: true,
    hello: Hello(depth: 99, destinationStamp: 5), port: 1024),
  PassiveRow(
    number: 2, name: "5 bytes", reason: 3, namesInterface: false, hello: Hello(length: 5)),
  PassiveRow(
    number: 3, name: "probe of a future protocol", reason: 3, namesInterface: false,
    hello: Hello(magic: 0x4572_6963)),
  PassiveRow(
    number: 4, name: "version 0x11", reason: 3, namesInterface: true,
    hello: Hello(version: 0x11, depth: 99)),
  PassiveRow(
    number: 4, name: "version 0x13", reason: 3, namesInterface: false,
    hello: Hello(version: 0x13)),
  PassiveRow(
    number: 5, name: "wrong magic", reason: 3, namesInterface: false,
    hello: Hello(magic: 0x1234_5678)),
  PassiveRow(
    number: 5, name: "47 bytes", reason: 3, namesInterface: false, hello: Hello(length: 47)),
  PassiveRow(
    number: 5, name: "ibm_nob beyond what came", reason: 3, namesInterface: false,
    hello: Hello(byteCount: 57)),
  PassiveRow(
    number: 5, name: "ibm_nob below the minimum", reason: 3, namesInterface: false,
    hello: Hello(byteCount: 55)),
  PassiveRow(
    number: 5, name: "source is any", reason: 3, namesInterface: false,
    hello: Hello(source: .any)),
  PassiveRow(
    number: 5, name: "unknown type", reason: 3, namesInterface: false, hello: Hello(type: 0x55)),
  PassiveRow(
    number: 6, name: "a NID that is not ours", reason: 3, namesInterface: false,
    hello: Hello(depth: 99, destination: strange, destinationStamp: 5)),
  PassiveRow(
    number: 8, name: "a stamp that is not ours", reason: 5, namesInterface: true,
    hello: Hello(type: 0xC1, depth: 99, destinationStamp: 5)),
  PassiveRow(
    number: 9, name: "CONNACK", reason: 3, namesInterface: true,
    hello: Hello(type: 0xC1, depth: 99)),
  PassiveRow(
    number: 9, name: "NOOP", reason: 3, namesInterface: true, hello: Hello(type: 0xD0)),
  PassiveRow(
    number: 10, name: "too deep", reason: 7, namesInterface: true,
    hello: Hello(depth: 9, fragments: 258, messageByteCount: 4097)),
  PassiveRow(
    number: 10, name: "no depth", reason: 3, namesInterface: true,
    hello: Hello(depth: 0, fragments: 258)),
  PassiveRow(
    number: 11, name: "258 fragments", reason: 6, namesInterface: true,
    hello: Hello(fragments: 258, messageByteCount: 4097)),
  PassiveRow(
    number: 12, name: "4097 bytes", reason: 3, namesInterface: true,
    hello: Hello(messageByteCount: 4097, sourceStamp: 9)),
  PassiveRow(
    number: 13, name: "another incarnation of a connected peer", reason: 5, namesInterface: true,
    hello: Hello(sourceStamp: 9)),
  PassiveRow(number: 14, name: "legal", reason: nil, namesInterface: true, hello: Hello()),
  PassiveRow(
    number: 14, name: "legal, our stamp given", reason: nil, namesInterface: true,
    hello: Hello(destinationStamp: OneNode.stamp)),
  PassiveRow(
    number: 14, name: "256 fragments", reason: nil, namesInterface: true,
    hello: Hello(fragments: 256)),
]
