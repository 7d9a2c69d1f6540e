// Support: the RPCs in captured messages.

import Capture
import LustreWire

enum CapturedRPCs {
  /// Bytes before the payload of an IMMEDIATE message.
  private static let payloadOffset = 120

  /// The RPC that a message carries, or nil.
  static func payload(of message: DecodedMessage) -> [UInt8]? {
    guard message.name == "IMMEDIATE", message.bytes.count >= payloadOffset + 32 else {
      return nil
    }
    let payload = Array(message.bytes[payloadOffset...])
    guard Array(payload[8..<12]) == [0xD3, 0x0B, 0xD0, 0x0B] else { return nil }
    return payload
  }
}
