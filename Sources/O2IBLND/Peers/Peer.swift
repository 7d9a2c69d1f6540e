internal import BasicContainers
internal import LustreWire
internal import Structures

/// A NID that one of our NIs talks with, or wants to.
struct Peer: BitwiseCopyable {
  var isUsed = false
  var interface: UInt8 = 0
  var generation: UInt32 = 0
  var nid = NID(rawValue: 0)
  /// The incarnation that it was last seen with; 0 for none.
  var stamp: UInt64 = 0
  /// The next connection to be given a message; -1 when none is established.
  var ring = Connection.none
  /// Connections in any state, by kind.
  var established: Int32 = 0
  var activeInProgress: Int32 = 0
  var passiveInProgress: Int32 = 0
  /// All connections that name this peer, those that are ending included.
  var connections: Int32 = 0
  var pending = TransmitQueue()
  /// What the next CONNREQ says.
  var nextStamp: UInt64 = 0
  var nextDepth: UInt16 = 0
  var nextFragments: UInt16 = 0
  /// No attempt before this time.
  var attemptAt: UInt64 = 0
  /// Negotiable rejects in a row.
  var reconnects: Int32 = 0
  /// Failed attempts in a row.
  var failures: Int32 = 0
  /// The last connection that ended did so with an error: LNet is told when none is left.
  var hasError = false
  var timer: TimerID?
  var nextFree = Connection.none
}

/// Peers by NI and NID: open addressing, linear probing, of fixed capacity. Nobody walks it.
struct PeerIndex: ~Copyable {
  private var cells: RigidArray<Int32>
  private let mask: Int
  private let shift: UInt64

  /// - Parameter peers: how many there can be; the index is at most half full.
  init(peers: Int) {
    var size = 8
    while size < 2 * peers { size *= 2 }
    cells = RigidArray(capacity: size)
    for _ in 0..<size { cells.append(Connection.none) }
    mask = size - 1
    shift = UInt64(64 - size.trailingZeroBitCount)
  }

  private func home(_ nid: NID, _ interface: UInt8) -> Int {
    let key = nid.rawValue ^ UInt64(interface) << 56
    return Int((key &* 0x9E37_79B9_7F4A_7C15) >> shift)
  }

  func find(_ nid: NID, _ interface: UInt8, in peers: borrowing RigidArray<Peer>) -> Int? {
    var cell = home(nid, interface)
    while true {
      let slot = cells[cell]
      if slot < 0 { return nil }
      if peers[Int(slot)].nid == nid && peers[Int(slot)].interface == interface {
        return Int(slot)
      }
      cell = (cell + 1) & mask
    }
  }

  mutating func insert(_ slot: Int, _ nid: NID, _ interface: UInt8) {
    var cell = home(nid, interface)
    while cells[cell] >= 0 { cell = (cell + 1) & mask }
    cells[cell] = Int32(slot)
  }

  /// Takes a peer out, and moves those behind it so that every probe still ends at a hole.
  mutating func remove(_ slot: Int, in peers: borrowing RigidArray<Peer>) {
    var hole = home(peers[slot].nid, peers[slot].interface)
    while cells[hole] != Int32(slot) { hole = (hole + 1) & mask }
    var cell = hole
    while true {
      cell = (cell + 1) & mask
      let other = cells[cell]
      if other < 0 { break }
      let start = home(peers[Int(other)].nid, peers[Int(other)].interface)
      if (cell - start) & mask >= (cell - hole) & mask {
        cells[hole] = other
        hole = cell
      }
    }
    cells[hole] = Connection.none
  }
}
