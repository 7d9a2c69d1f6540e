package import LustreWire

/// One NI of the node, as the driver is told of it.
package struct O2IBInterface: Sendable, Equatable, BitwiseCopyable {
  /// LNet's number of the NI: `LNDMessage.interface`.
  package var index: UInt8
  package var nid: NID
  /// The incarnation: never 0, never the same in two lives of the node (spec 02 §3.1).
  package var stamp: UInt64
  /// Where it listens and connects from, a.b.c.d as a<<24 | b<<16 | c<<8 | d.
  package var ipv4: UInt32
  /// Which device it is on: a request that comes in on one device cannot name an NI on another.
  package var device: UInt8

  package init(index: UInt8, nid: NID, stamp: UInt64, ipv4: UInt32, device: UInt8 = 0) {
    precondition(stamp != 0, "a stamp of 0 means unknown")
    self.index = index
    self.nid = nid
    self.stamp = stamp
    self.ipv4 = ipv4
    self.device = device
  }
}

/// How far the listener of an NI is.
package enum O2IBListenState: Equatable, Sendable, BitwiseCopyable {
  case down
  case starting
  case listening
  /// The listener could not be made: errno.
  case failed(errno: Int32)
  case stopping
}
