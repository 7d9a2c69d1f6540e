/// The match bits under which the pieces of a request's bulk data travel.
///
/// Piece i has match bits ``first`` + i; the request tells only the last (spec 13 §3).
public struct BulkMatchBits: Hashable, Sendable, BitwiseCopyable {
  /// The match bits of the first piece: an XID, a multiple of ``RPCLimits/xidStep``.
  public var first: UInt64
  /// How many pieces there are, at least 1.
  public var count: UInt32

  /// The pieces of a client's request: `count` of them from `first`.
  @inlinable public init(first: UInt64, count: UInt32) {
    self.first = first
    self.count = count
  }

  /// The pieces that a request tells a server of: `last` is its ``RPCBody/matchBits``, `limit` the
  /// ``ObjectRequest/bulkLimit``. Nil when `limit` is no power of two: a real server answers -EPROTO or nothing.
  @inlinable public init?(last: UInt64, limit: UInt32) {
    guard limit != 0, limit & (limit - 1) == 0 else { return nil }
    first = last & ~UInt64(limit - 1)
    count = UInt32(last - first) + 1
  }

  /// The match bits of the last piece, which the request carries.
  @inlinable public var last: UInt64 { first + UInt64(count) - 1 }
}
