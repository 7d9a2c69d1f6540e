internal import LNet

/// What an LNet event of this room belongs to: part of the tags that LNet's consumers choose.
struct RPCTag: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case requestSend, replySink, clientBulk, service, replySend, earlyReplySend, serverBulk
  }

  var kind: Kind
  /// A slot of the kind's table.
  var index: Int

  init(_ kind: Kind, _ index: Int) {
    self.kind = kind
    self.index = index
  }

  /// nil for a tag of somebody else.
  init?(raw: UInt64) {
    guard raw >> 62 == 1, let kind = Kind(rawValue: UInt8(truncatingIfNeeded: raw >> 32)) else {
      return nil
    }
    self.kind = kind
    index = Int(raw & 0xFFFF_FFFF)
  }

  var raw: UInt64 { 1 << 62 | UInt64(kind.rawValue) << 32 | UInt64(index) }
}
