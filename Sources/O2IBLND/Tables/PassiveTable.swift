package import LustreWire

/// A check of a connect request: the rows of the table of spec 02 §4.2.
///
/// Row 14, the race, is not among them: we never reject for it (§8.1).
package enum PassiveCheck: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case privilegedPort = 1
  case length = 2
  case probe = 3
  case version = 4
  case envelope = 5
  case interfaceActive = 6
  case interfaceKnown = 16
  case device = 7
  case stamp = 8
  case type = 9
  case queueDepth = 10
  case emptyQueue = 17
  case fragments = 11
  case messageSize = 12
  case peerStamp = 13
  case resources = 15
}

/// The checks in their order, and what each answers, as data.
package struct PassiveTable: Sendable, BitwiseCopyable {
  package struct Row: Equatable, Sendable, BitwiseCopyable {
    package var check: PassiveCheck
    package var reason: RejectReason

    package init(_ check: PassiveCheck, _ reason: RejectReason) {
      self.check = check
      self.reason = reason
    }
  }

  package var rows: InlineArray<16, Row>

  package init() {
    rows = [
      Row(.privilegedPort, .fatal),
      Row(.length, .fatal),
      Row(.probe, .fatal),
      Row(.version, .fatal),
      Row(.envelope, .fatal),
      Row(.interfaceActive, .early),
      Row(.interfaceKnown, .fatal),
      Row(.device, .fatal),
      Row(.stamp, .stale),
      Row(.type, .fatal),
      Row(.queueDepth, .queueDepth),
      // A depth of 0 could never carry a message; no row of §4.2 speaks of it.
      Row(.emptyQueue, .fatal),
      Row(.fragments, .fragments),
      Row(.messageSize, .fatal),
      Row(.peerStamp, .stale),
      Row(.resources, .noResources),
    ]
  }
}

/// All rules of the driver that are tables. Tests compare them with tables of their own.
package struct O2IBTables: Sendable, BitwiseCopyable {
  package var machine = ConnectionMachine()
  package var passive = PassiveTable()
  package var rejects = RejectTable()
  package var credits = CreditTable()

  package init() {}
}
