/// How a target answers connects as a whole (spec 11 §5 rows 2 to 4).
package enum TargetCondition: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// No target of that name or UUID lives here.
  case unknown
  /// Stopping, or not yet set up.
  case unavailable
  /// For a while it takes no connections: starting up or failing over.
  case refusing
  case open
}

/// What is known when a CONNECT has arrived at a server, as plain values (spec 11 §5).
package struct ConnectFacts: Sendable, BitwiseCopyable {
  // The request.
  package var hasTargetName = true
  package var hasClientUUID = true
  package var hasClientHandle = true
  /// Length of the connect data as sent; 0 when the buffer is missing.
  package var connectDataBytes: UInt32 = 192
  package var isInitial = false
  package var isLibClient = false
  package var connectionCount: UInt32 = 1
  /// Whether `pb_handle` names an export of this target.
  package var hasValidHandle = false
  /// Cookie B as sent.
  package var clientHandle: UInt64 = 0
  // Flags of the connect data as sent.
  package var asksFull20 = true
  package var asksMDS = false
  package var asksBetweenMDTs = false
  package var asksFID = true
  package var asksVersion = true
  package var asksLightweight = false
  package var asksReadOnly = false
  /// Major and minor numbers are equal and the patches at most 3 apart.
  package var isVersionNear = true
  // The target.
  package var target = TargetCondition.open
  package var isOwnUUID = false
  package var isRecovering = false
  package var isReplayable = true
  /// What the target's own rules (§6) say of the data: 0, or the positive errno of their refusal.
  package var targetRefusal: Int32 = 0
  package var isAccessDenied = false
  package var isReadOnlyOnly = false
  // The export that the client's UUID names.
  package var hasExport = false
  package var isExportConnecting = false
  /// 0: never connected to this instance of the target.
  package var exportConnectionCount: UInt32 = 0
  package var exportClientHandle: UInt64 = 0
  package var hasReverseHandle = true
  package var isSameNID = true
  package var hasRequestsInProgress = false
  package var isExportGone = false
  package var isCountedInRecovery = false

  package init() {}
}

/// What the server does with the client's export.
package enum ExportAction: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// Nothing: the CONNECT is refused.
  case none
  /// A new one is made.
  case create
  /// The old one is evicted and a new one made (rows 13).
  case evictAndCreate
  /// The old one serves on.
  case reuse
}

/// What the table decides.
package struct ConnectDecision: Equatable, Sendable, BitwiseCopyable {
  /// The row that refused, or 28.
  package var row: UInt8
  /// Positive; 0 when the connect is granted.
  package var errno: Int32
  package var action: ExportAction
  /// Reply op flags (rows 21, 22, 30).
  package var isReconnect = false
  package var isReplayable = false
  package var isRecovering = false
  /// Row 12: the connection count of the export starts anew.
  package var restartsCount = false
  /// Rows 20, 29.
  package var startsRecoveryTimer = false
  package var countsIntoRecovery = false
  /// An old export is evicted, even when the connect is refused after that (row 13).
  package var evictsOld = false

  /// Rows 31 and 32 come when the export has been taken into use: with their refusal it ends.
  package var endsExport: Bool { row > 30 && !evictsOld }
}
