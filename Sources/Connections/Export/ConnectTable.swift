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
    var index = 0
    // Not `rules[index]`, which copies all of them first.
    let rules = rules.span
    while index < rules.count {
      let rule = rules[index]
      index += 1
      guard walk.truths.contains(rule.condition) else { continue }
      // Once it is known whose export it is, the other rows of that group are passed over.
      if walk.isSettled, rule.row >= 11, rule.row <= 17 { continue }
      if walk.take(rule) { break }
    }
    return walk.decision
  }
}

/// Which conditions hold, one bit each: all of them are found out at once, because few rows of a CONNECT hold, and to
/// ask each row in turn takes longer than all the rest of a decision.
private struct ConditionSet: BitwiseCopyable {
  private var bits: UInt64 = 0

  @inline(__always)
  mutating func set(_ condition: ConnectCondition, if holds: Bool) {
    let bit: UInt64 = 1 << UInt64(condition.rawValue)
    bits = holds ? bits | bit : bits & ~bit
  }

  @inline(__always)
  func contains(_ condition: ConnectCondition) -> Bool {
    bits >> UInt64(condition.rawValue) & 1 == 1
  }
}

/// A walk through the rows: what earlier rows have settled.
private struct Walk {
  let facts: ConnectFacts
  /// What holds as things stand in the walk.
  private(set) var truths = ConditionSet()
  var decision = ConnectDecision(row: 0, errno: 0, action: .none)
  private var hasExport: Bool
  /// "R" in §5 counts with the own UUID too, until row 10 has put it aside.
  private var isUnchecked = false
  private(set) var isSettled = false
  /// rc EALREADY in §5: a valid reconnect.
  private var isReconnect = false
  /// Whether the connection count is compared with 0.
  private var isCountRestarted = false

  init(_ facts: ConnectFacts) {
    self.facts = facts
    hasExport = facts.hasExport
    askOfRequest()
    askOfExport()
  }

  /// The conditions that no row changes.
  @inline(__always)
  private mutating func askOfRequest() {
    truths.set(.always, if: true)
    truths.set(.noTargetName, if: !facts.hasTargetName)
    truths.set(.unknownTarget, if: facts.target == .unknown)
    truths.set(.unavailableTarget, if: facts.target == .unavailable)
    truths.set(.refusingTarget, if: facts.target == .refusing)
    truths.set(.noClientUUID, if: !facts.hasClientUUID)
    truths.set(
      .badBuffers,
      if: !facts.hasClientHandle || facts.connectDataBytes == 0
        || facts.connectDataBytes > ConnectLimits.connectDataBytesMax)
    truths.set(.withoutFull20, if: !facts.asksFull20)
    truths.set(.libClient, if: facts.isLibClient)
    truths.set(
      .farVersion,
      if: facts.isInitial && facts.asksBetweenMDTs && facts.asksFID && facts.asksVersion
        && !facts.asksLightweight && !facts.isVersionNear)
    truths.set(.ownUUID, if: facts.isOwnUUID)
    truths.set(.denied, if: facts.isAccessDenied)
    truths.set(.readOnly, if: facts.isReadOnlyOnly && !facts.asksReadOnly)
    truths.set(.replayable, if: facts.isReplayable)
    truths.set(.targetRefuses, if: facts.targetRefusal != 0)
  }

  /// The conditions that depend on what rows have settled.
  private mutating func askOfExport() {
    let isConnected = hasExport && facts.exportConnectionCount > 0
    // The client has restarted, or is a metadata target whose count may start anew (rows 12, 13).
    let isFromServer =
      isConnected
      && (facts.isInitial && (facts.asksMDS || facts.asksLightweight) || facts.asksBetweenMDTs)
    let takesPartInRecovery = facts.isRecovering && !facts.asksLightweight
    truths.set(.connecting, if: hasExport && facts.isExportConnecting)
    truths.set(.sameMDTAgain, if: isFromServer && facts.isSameNID && facts.asksBetweenMDTs)
    truths.set(.clientRestarted, if: isFromServer)
    truths.set(.otherNID, if: isConnected && facts.isInitial && !facts.isSameNID)
    truths.set(.neverConnected, if: hasExport && (!isConnected || !facts.hasReverseHandle))
    truths.set(.otherHandle, if: isConnected && facts.clientHandle != facts.exportClientHandle)
    truths.set(.sameHandle, if: isConnected)
    truths.set(.busy, if: hasExport && !facts.hasValidHandle && facts.hasRequestsInProgress)
    truths.set(.claimsToBeNew, if: hasExport && facts.connectionCount == 1 && !isReconnect)
    truths.set(.startsRecovery, if: takesPartInRecovery && !isReconnect)
    truths.set(.reconnect, if: isReconnect)
    truths.set(
      .newDuringRecovery,
      if: !hasExport && !isUnchecked && takesPartInRecovery
        && !(facts.isInitial && facts.asksBetweenMDTs))
    truths.set(.unknownClient, if: !hasExport)
    truths.set(.gone, if: hasExport && facts.isExportGone)
    let count = isCountRestarted || !hasExport ? 0 : facts.exportConnectionCount
    truths.set(.stale, if: count >= facts.connectionCount)
    truths.set(
      .uncounted, if: takesPartInRecovery && hasExport && !facts.isCountedInRecovery)
    truths.set(.recovering, if: takesPartInRecovery)
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
      askOfExport()
    case .keepAndRestartCount:
      isReconnect = true
      isCountRestarted = true
      decision.restartsCount = true
      isSettled = true
      askOfExport()
    case .evict:
      hasExport = false
      decision.evictsOld = true
      isSettled = true
      askOfExport()
    case .reuse: isSettled = true
    case .reconnect:
      isReconnect = true
      isSettled = true
      askOfExport()
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
