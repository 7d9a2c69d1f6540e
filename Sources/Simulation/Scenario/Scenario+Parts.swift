extension Scenario {
  /// Something that a node is asked to do.
  package struct Operation: Equatable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
      case put, get, ping, discover
      /// A PUT that matches nothing: it is sent, and dropped.
      case stray
    }

    /// Microseconds after the start.
    package var time: UInt64
    package var kind: Kind
    package var from: Int
    package var to: Int
    /// Bytes, of a PUT, GET or stray.
    package var byteCount: Int

    package init(time: UInt64, kind: Kind, from: Int, to: Int, byteCount: Int = 0) {
      self.time = time
      self.kind = kind
      self.from = from
      self.to = to
      self.byteCount = byteCount
    }
  }

  /// Something that goes wrong.
  package struct Fault: Equatable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
      /// The link between two nodes is cut; mended.
      case cut, mend
      /// The machine of a node goes dark: no peer is told.
      case crash
      /// The process of a node dies: its kernel tells the peers.
      case kill
      /// A node that is down starts again, with a new stamp.
      case restart
      /// The device of a node is pulled out.
      case remove
      /// A node does nothing for a while.
      case freeze
    }

    package var time: UInt64
    package var kind: Kind
    package var node: Int
    /// The other end of a link; of a freeze its microseconds.
    package var other: Int

    package init(time: UInt64, kind: Kind, node: Int, other: Int = 0) {
      self.time = time
      self.kind = kind
      self.node = node
      self.other = other
    }
  }
}
