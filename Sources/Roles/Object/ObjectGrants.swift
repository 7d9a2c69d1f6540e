internal import BasicContainers
internal import LustreWire
internal import Storage

/// Space that an object target has promised to its clients, so that what they keep back can be written later
/// (spec 13 §5.3, 11 §6).
struct ObjectGrants: ~Copyable {
  /// By slot of an export: bytes that its client may still use.
  private var held: RigidArray<UInt64>
  private(set) var total: UInt64 = 0
  /// Bytes free on the disk, as it last said; nothing is promised before it has.
  private(set) var free: UInt64 = 0
  /// What a write is charged for besides its pages: the tax on each piece that is written.
  private let tax: UInt64
  /// The most that one reply adds.
  private let chunk: UInt64

  init(exports: Int, tax: UInt64, chunk: UInt64) {
    held = RigidArray(capacity: exports)
    for _ in 0..<exports { held.append(0) }
    self.tax = tax
    self.chunk = chunk
  }

  /// Bytes of the disk that are promised to nobody.
  var unpromised: UInt64 { free - min(free, total) }

  func held(by export: Int) -> UInt64 { held[export] }

  mutating func note(_ statistics: StoreStatistics) {
    free = statistics.blocksAvailable &* statistics.blockByteCount
  }

  /// A CONNECT's reply has said how much its client has.
  mutating func connected(_ export: Int, grant: UInt64) {
    total = total - held[export] + grant
    held[export] = grant
  }

  mutating func left(_ export: Int) {
    total -= held[export]
    held[export] = 0
  }

  /// Space of a client's grant is used up or given back.
  mutating func take(_ byteCount: UInt64, from export: Int) {
    let taken = min(byteCount, held[export])
    held[export] -= taken
    total -= taken
  }

  /// What a range takes of a grant.
  func cost(offset: UInt64, byteCount: UInt64) -> UInt64 {
    let pages = (offset % 4096 + byteCount + 4095) / 4096
    return pages * 4096 + tax
  }

  /// Promises more to a client that says how much it would like to have.
  ///
  /// - Returns: bytes that are added.
  mutating func add(wanted: UInt64, to export: Int) -> UInt64 {
    guard wanted > held[export], free > total else { return 0 }
    let added = min(wanted - held[export], chunk, free - total) & ~4095
    held[export] += added
    total += added
    return added
  }
}
