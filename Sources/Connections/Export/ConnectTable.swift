internal import LustreWire

/// What a row of spec 11 §5 asks.
package enum ConnectCondition: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case always
  case noTargetName, unknownTarget, unavailableTarget, refusingTarget
  case noClientUUID, badBuffers, withoutFull20, libClient, farVersion, ownUUID
  case connecting, sameMDTAgain, clientRestarted, otherNID, neverConnected, otherHandle, sameHandle
  case busy, claimsToBeNew, startsRecovery, reconnect, replayable, newDuringRecovery, unknownClient
  case targetRefuses, gone, stale, uncounted, recovering, denied, readOnly
}

/// What a row of spec 11 §5 does. Only refusals end the walk.
package enum ConnectStep: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case refuseInvalid, refuseNoDevice, refuseAgain, refuseProtocol, refuseAlready, refuseBusy
  case refuseAccess, refuseReadOnly
  /// With the errno of the target's own rules.
  case refuseAsTarget
  /// As if there were no export, and without the checks of one.
  case skipExport
  /// A reconnect whose count starts anew.
  case keepAndRestartCount
  case evict
  /// The export is reused; this is no reconnect.
  case reuse
  /// The export is reused by the client that had it.
  case reconnect
  case startRecoveryTimer, markReconnect, markReplayable, create, accept, count, markRecovering
}

/// One row.
package struct ConnectRule: Equatable, Sendable, BitwiseCopyable {
  /// The row's number in §5.
  package var row: UInt8
  package var condition: ConnectCondition
  package var step: ConnectStep

  init(_ row: UInt8, _ condition: ConnectCondition, _ step: ConnectStep) {
    self.row = row
    self.condition = condition
    self.step = step
  }
}

/// A server's decision about a CONNECT, as data: the rows of spec 11 §5 in their order.
///
/// Rows 11 to 17 say whose export it is: the first of them that holds decides. The others are taken one after
/// the other; the first refusal ends the walk. Row 25's work is the caller's, whose result stands in
/// the facts (`targetRefusal`), because the target's rules are pure.
package struct ConnectTable: Sendable, BitwiseCopyable {
  package var rules: InlineArray<32, ConnectRule>

  package init() {
    rules = [
      ConnectRule(1, .noTargetName, .refuseInvalid),
      ConnectRule(2, .unknownTarget, .refuseNoDevice),
      ConnectRule(3, .unavailableTarget, .refuseNoDevice),
      ConnectRule(4, .refusingTarget, .refuseAgain),
      ConnectRule(5, .noClientUUID, .refuseInvalid),
      ConnectRule(6, .badBuffers, .refuseProtocol),
      ConnectRule(7, .withoutFull20, .refuseProtocol),
      ConnectRule(8, .libClient, .refuseProtocol),
      ConnectRule(9, .farVersion, .refuseProtocol),
      ConnectRule(10, .ownUUID, .skipExport),
      ConnectRule(11, .connecting, .refuseAlready),
      ConnectRule(12, .sameMDTAgain, .keepAndRestartCount),
      ConnectRule(13, .clientRestarted, .evict),
      ConnectRule(14, .otherNID, .refuseAlready),
      ConnectRule(15, .neverConnected, .reuse),
      ConnectRule(16, .otherHandle, .refuseAlready),
      ConnectRule(17, .sameHandle, .reconnect),
      ConnectRule(18, .busy, .refuseBusy),
      ConnectRule(19, .claimsToBeNew, .refuseAlready),
      ConnectRule(20, .startsRecovery, .startRecoveryTimer),
      ConnectRule(21, .reconnect, .markReconnect),
      ConnectRule(22, .replayable, .markReplayable),
      ConnectRule(23, .newDuringRecovery, .refuseBusy),
      ConnectRule(24, .unknownClient, .create),
      ConnectRule(25, .targetRefuses, .refuseAsTarget),
      ConnectRule(26, .gone, .refuseNoDevice),
      ConnectRule(27, .stale, .refuseAlready),
      ConnectRule(31, .denied, .refuseAccess),
      ConnectRule(32, .readOnly, .refuseReadOnly),
      ConnectRule(29, .uncounted, .count),
      ConnectRule(30, .recovering, .markRecovering),
      ConnectRule(28, .always, .accept),
    ]
  }

  /// Decides a CONNECT.
  package func decide(_ facts: ConnectFacts) -> ConnectDecision {
    var walk = Walk(facts)
    for index in rules.indices {
      let rule = rules[index]
      // Once it is known whose export it is, the other rows of that group are passed over.
      if walk.isSettled && (11...17).contains(rule.row) { continue }
      guard walk.holds(rule.condition) else { continue }
      if walk.take(rule) { break }
    }
    return walk.decision
  }
}

/// A walk through the rows: what earlier rows have settled.
private struct Walk {
  let facts: ConnectFacts
  var decision = ConnectDecision(row: 0, errno: 0, action: .none)
  var hasExport: Bool
  /// "R" in §5 counts with the own UUID too, until row 10 has put it aside.
  var isUnchecked = false
  var isSettled = false
  /// rc EALREADY in §5: a valid reconnect.
  var isReconnect = false
  /// Whether the connection count is compared with 0.
  var isCountRestarted = false

  init(_ facts: ConnectFacts) {
    self.facts = facts
    hasExport = facts.hasExport
  }

  private var isConnected: Bool { hasExport && facts.exportConnectionCount > 0 }

  /// The client has restarted, or is a metadata target whose count may start anew (rows 12, 13).
  private var isFromServer: Bool {
    isConnected
      && (facts.isInitial && (facts.asksMDS || facts.asksLightweight) || facts.asksBetweenMDTs)
  }

  private var takesPartInRecovery: Bool { facts.isRecovering && !facts.asksLightweight }

  func holds(_ condition: ConnectCondition) -> Bool {
    switch condition {
    case .always: return true
    case .noTargetName: return !facts.hasTargetName
    case .unknownTarget: return facts.target == .unknown
    case .unavailableTarget: return facts.target == .unavailable
    case .refusingTarget: return facts.target == .refusing
    case .noClientUUID: return !facts.hasClientUUID
    case .badBuffers:
      return !facts.hasClientHandle || facts.connectDataBytes == 0
        || facts.connectDataBytes > ConnectLimits.connectDataBytesMax
    case .withoutFull20: return !facts.asksFull20
    case .libClient: return facts.isLibClient
    case .farVersion:
      return facts.isInitial && facts.asksBetweenMDTs && facts.asksFID && facts.asksVersion
        && !facts.asksLightweight && !facts.isVersionNear
    case .ownUUID: return facts.isOwnUUID
    case .denied: return facts.isAccessDenied
    case .readOnly: return facts.isReadOnlyOnly && !facts.asksReadOnly
    default: return holdsOfExport(condition)
    }
  }

  private func holdsOfExport(_ condition: ConnectCondition) -> Bool {
    switch condition {
    case .connecting: return hasExport && facts.isExportConnecting
    case .sameMDTAgain: return isFromServer && facts.isSameNID && facts.asksBetweenMDTs
    case .clientRestarted: return isFromServer
    case .otherNID: return isConnected && facts.isInitial && !facts.isSameNID
    case .neverConnected: return hasExport && (!isConnected || !facts.hasReverseHandle)
    case .otherHandle: return isConnected && facts.clientHandle != facts.exportClientHandle
    case .sameHandle: return isConnected
    case .busy: return hasExport && !facts.hasValidHandle && facts.hasRequestsInProgress
    case .claimsToBeNew: return hasExport && facts.connectionCount == 1 && !isReconnect
    case .startsRecovery: return takesPartInRecovery && !isReconnect
    case .reconnect: return isReconnect
    case .replayable: return facts.isReplayable
    case .newDuringRecovery:
      return !hasExport && !isUnchecked && takesPartInRecovery
        && !(facts.isInitial && facts.asksBetweenMDTs)
    case .unknownClient: return !hasExport
    case .targetRefuses: return facts.targetRefusal != 0
    case .gone: return hasExport && facts.isExportGone
    case .stale:
      let count = isCountRestarted || !hasExport ? 0 : facts.exportConnectionCount
      return count >= facts.connectionCount
    case .uncounted: return takesPartInRecovery && hasExport && !facts.isCountedInRecovery
    case .recovering: return takesPartInRecovery
    default: preconditionFailure("asked of the request")
    }
  }

  /// Takes a row; true when it ends the walk.
  mutating func take(_ rule: ConnectRule) -> Bool {
    let refusal: Int32
    switch rule.step {
    case .refuseInvalid: refusal = WireErrno.einval.rawValue
    case .refuseNoDevice: refusal = WireErrno.enodev.rawValue
    case .refuseAgain: refusal = WireErrno.eagain.rawValue
    case .refuseProtocol: refusal = WireErrno.eproto.rawValue
    case .refuseAlready: refusal = WireErrno.ealready.rawValue
    case .refuseBusy: refusal = WireErrno.ebusy.rawValue
    case .refuseAccess: refusal = WireErrno.eacces.rawValue
    case .refuseReadOnly: refusal = WireErrno.erofs.rawValue
    case .refuseAsTarget: refusal = facts.targetRefusal
    default:
      mark(rule)
      return rule.step == .accept
    }
    decision.row = rule.row
    decision.errno = refusal
    decision.action = .none
    return true
  }

  private mutating func mark(_ rule: ConnectRule) {
    switch rule.step {
    case .skipExport:
      hasExport = false
      isUnchecked = true
    case .keepAndRestartCount:
      isReconnect = true
      isCountRestarted = true
      decision.restartsCount = true
      isSettled = true
    case .evict:
      hasExport = false
      decision.evictsOld = true
      isSettled = true
    case .reuse: isSettled = true
    case .reconnect:
      isReconnect = true
      isSettled = true
    case .startRecoveryTimer: decision.startsRecoveryTimer = true
    case .markReconnect: decision.isReconnect = true
    case .markReplayable: decision.isReplayable = true
    case .create: decision.action = decision.evictsOld ? .evictAndCreate : .create
    case .count: decision.countsIntoRecovery = true
    case .markRecovering: decision.isRecovering = true
    case .accept:
      decision.row = rule.row
      if decision.action == .none { decision.action = .reuse }
    case .refuseInvalid, .refuseNoDevice, .refuseAgain, .refuseProtocol, .refuseAlready,
      .refuseBusy, .refuseAccess, .refuseReadOnly, .refuseAsTarget:
      preconditionFailure("a refusal marks nothing")
    }
  }
}
