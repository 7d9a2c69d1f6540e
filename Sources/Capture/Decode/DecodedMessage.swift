package import LustreWire

/// One field of a decoded message.
package struct DecodedField: Hashable, Sendable {
  /// Wireshark's name where it has one, else that of Lustre's structure.
  package var name: String
  /// Decimal, hexadecimal with `0x`, or a NID.
  package var value: String
}

/// Something that a capture shows: a message, a step of the connection manager, a WRITE, or what went wrong.
package struct DecodedMessage: Hashable, Sendable {
  /// What the record is about.
  package enum Kind: String, Hashable, Sendable {
    /// An o2iblnd message, on a queue pair or as private data of the connection manager.
    case message
    /// A connection manager message of an o2iblnd connection that carries no o2iblnd message.
    case connectionManager
    /// A complete RDMA WRITE.
    case write
    /// Bytes that should have been one of the others.
    case error
  }

  /// What the record is about.
  package var kind: Kind
  /// The frame that completed it, counted from 1.
  package var frame: Int
  /// When that frame was captured, since 1970, in nanoseconds.
  package var timeNanoseconds: UInt64
  /// The sender's IPv4 address, first octet on top; 0 when the error is in the file.
  package var sourceAddress: UInt32
  /// The receiver's IPv4 address, first octet on top.
  package var destinationAddress: UInt32
  /// Which of the capture's connections, counted from 1; nil when its set-up was not seen.
  package var connection: Int?
  /// The message's type by Lustre's name, such as `PUT_REQ`; `error` for errors.
  package var name: String
  /// The sender's NID, when the message has one.
  package var sourceNID: NID?
  /// The receiver's NID, when the message has one.
  package var destinationNID: NID?
  /// Credits that the message returns.
  package var credits: UInt8?
  /// What matters of it, or what is wrong, in one line.
  package var summary: String
  /// Everything it says.
  package var fields: [DecodedField]
  /// The o2iblnd message or reject itself, put together from its segments, without padding.
  package var bytes: [UInt8]
  /// The RPC that an IMMEDIATE or a WRITE carried, padding included; empty when there was none.
  package var rpc: [UInt8] = []

  /// One line for people.
  ///
  /// - Parameter start: the time that counts as 0, in nanoseconds since 1970.
  package func line(since start: UInt64) -> String {
    let microseconds = (timeNanoseconds >= start ? timeNanoseconds - start : 0) / 1000
    let fraction = String(microseconds % 1_000_000)
    let padded = String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
    let from = sourceNID.map(\.description) ?? IPv4Text.describe(sourceAddress)
    let to = destinationNID.map(\.description) ?? IPv4Text.describe(destinationAddress)
    var line = "\(frame) \(microseconds / 1_000_000).\(padded) \(from) > \(to) \(name)"
    if let credits { line += " credits \(credits)" }
    if !summary.isEmpty { line += " \(summary)" }
    return line
  }
}
