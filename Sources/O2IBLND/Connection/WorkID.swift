internal import RDMATransport
internal import Structures

/// What the `id` of a work request says: whose it is, and which.
///
/// The connection's handle in the upper half; below it the kind, and 28 bits of number: the receive
/// buffer of a receive, the place in the send queue's history of a send.
struct WorkID: BitwiseCopyable {
  enum Kind: UInt8 {
    case receive = 0
    case send = 1
  }

  var raw: UInt64

  init(raw: UInt64) { self.raw = raw }

  init(connection: Handle, kind: Kind, number: UInt32) {
    raw =
      UInt64(connection.raw) << 32 | UInt64(kind.rawValue) << 28 | UInt64(number & 0x0FFF_FFFF)
  }

  var connection: Handle { Handle(raw: UInt32(truncatingIfNeeded: raw >> 32)) }
  var isSend: Bool { raw >> 28 & 1 != 0 }
  var number: UInt32 { UInt32(truncatingIfNeeded: raw) & 0x0FFF_FFFF }

  /// The owner that the connection manager knows a connection by.
  static func owner(_ connection: Handle) -> CMOwner { CMOwner(connection.raw) }

  /// The owner of a listener: beyond all handles.
  static func listener(_ interface: Int) -> CMOwner { 1 << 32 | CMOwner(interface) }
}
