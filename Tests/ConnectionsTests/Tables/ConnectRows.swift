// A server's decisions about CONNECTs, written by hand from spec 11 §5.
@testable import Connections

/// Words for what is special about a CONNECT; everything else is as in a client's very first one.
enum ConnectWord: Equatable {
  // The request.
  case noName, noUUID, noClientHandle, data(UInt32), reconnecting, libClient, count(UInt32)
  case validHandle, mds, betweenMDTs, noFID, noVersion, lightweight, readOnly, farVersion, old
  // The target.
  case unknown, unavailable, refusing, ownUUID, recovering, notReplayable, refuses(Int32), denied
  case readOnlyTarget
  // The export.
  case known, connecting, neverConnected, otherHandle, noReverse, otherNID, inProgress, gone
  case counted
}

struct ConnectRow {
  let name: String
  let words: [ConnectWord]
  /// The row that decides: 28 when the connect is granted.
  let row: UInt8
  var errno: Int32 = 0
  var action = ExportAction.none
  /// Reply op flags: 1 recovering, 2 reconnect, 4 replayable.
  var flags: UInt32 = 0
  var evicts = false
  var restarts = false
  var startsTimer = false
  var counts = false

  init(
    _ name: String, _ words: [ConnectWord], refused row: UInt8, _ errno: Int32,
    evicts: Bool = false, startsTimer: Bool = false
  ) {
    self.name = name
    self.words = words
    self.row = row
    self.errno = errno
    self.evicts = evicts
    self.startsTimer = startsTimer
  }

  init(
    _ name: String, _ words: [ConnectWord], _ action: ExportAction, flags: UInt32,
    restarts: Bool = false, startsTimer: Bool = false, counts: Bool = false
  ) {
    self.name = name
    self.words = words
    self.row = 28
    self.action = action
    self.flags = flags
    self.evicts = action == .evictAndCreate
    self.restarts = restarts
    self.startsTimer = startsTimer
    self.counts = counts
  }
}

/// A known client's plain reconnect: higher count, valid handle, same cookie.
private let again: [ConnectWord] = [.known, .reconnecting, .validHandle, .count(3)]

let connectRows: [ConnectRow] = [
  ConnectRow("1", [.noName], refused: 1, 22),
  ConnectRow("1 before 2", [.noName, .unknown], refused: 1, 22),
  ConnectRow("2", [.unknown], refused: 2, 19),
  ConnectRow("2 before 5", [.unknown, .noUUID], refused: 2, 19),
  ConnectRow("3", [.unavailable], refused: 3, 19),
  ConnectRow("3 before 5", [.unavailable, .noUUID], refused: 3, 19),
  ConnectRow("4", [.refusing], refused: 4, 11),
  ConnectRow("4 before 5", [.refusing, .noUUID], refused: 4, 11),
  ConnectRow("5", [.noUUID], refused: 5, 22),
  ConnectRow("5 before 6", [.noUUID, .noClientHandle], refused: 5, 22),
  ConnectRow("6 handle", [.noClientHandle], refused: 6, 71),
  ConnectRow("6 no data", [.data(0)], refused: 6, 71),
  ConnectRow("6 too long", [.data(1537)], refused: 6, 71),
  ConnectRow("6 longest", [.data(1536)], .create, flags: 4),
  ConnectRow("6 short", [.data(72)], .create, flags: 4),
  ConnectRow("6 before 7", [.data(0), .old], refused: 6, 71),
  ConnectRow("7", [.old], refused: 7, 71),
  ConnectRow("7 before 8", [.old, .libClient], refused: 7, 71),
  ConnectRow("8", [.libClient], refused: 8, 71),
  ConnectRow("8 before 9", [.libClient, .betweenMDTs, .farVersion], refused: 8, 71),
  ConnectRow("9", [.betweenMDTs, .farVersion], refused: 9, 71),
  ConnectRow("9 near", [.betweenMDTs], .create, flags: 4),
  ConnectRow("9 lightweight", [.betweenMDTs, .farVersion, .lightweight], .create, flags: 4),
  ConnectRow("9 no FID", [.betweenMDTs, .farVersion, .noFID], .create, flags: 4),
  ConnectRow("9 no version", [.betweenMDTs, .farVersion, .noVersion], .create, flags: 4),
  ConnectRow("9 client", [.farVersion], .create, flags: 4),
  ConnectRow(
    "9 not initial", again + [.betweenMDTs, .farVersion], .reuse, flags: 6, restarts: true),
  ConnectRow("9 before 11", [.betweenMDTs, .farVersion, .known, .connecting], refused: 9, 71),
  ConnectRow("10", [.ownUUID, .known, .connecting, .otherHandle], .create, flags: 4),
  ConnectRow(
    "10 in recovery", [.ownUUID, .recovering], .create, flags: 5, startsTimer: true),
  ConnectRow("11", again + [.connecting], refused: 11, 114),
  ConnectRow("11 before 12", [.known, .connecting, .betweenMDTs], refused: 11, 114),
  ConnectRow("11 before 13", [.known, .connecting, .mds], refused: 11, 114),
  ConnectRow(
    "12", [.known, .betweenMDTs, .count(1)], .reuse, flags: 6, restarts: true),
  ConnectRow(
    "12 also when it lost its cookie", [.known, .betweenMDTs, .count(1), .otherHandle], .reuse,
    flags: 6, restarts: true),
  ConnectRow("13 OSP", [.known, .mds, .count(1)], .evictAndCreate, flags: 4),
  ConnectRow("13 LWP", [.known, .lightweight, .count(1)], .evictAndCreate, flags: 4),
  ConnectRow(
    "13 other NID", [.known, .betweenMDTs, .otherNID, .count(1)], .evictAndCreate, flags: 4),
  ConnectRow(
    "13 not initial", again + [.betweenMDTs, .otherNID], .evictAndCreate, flags: 4),
  ConnectRow("13 only if initial: OSP", again + [.mds], .reuse, flags: 6),
  ConnectRow("13 only if initial: LWP", again + [.lightweight], .reuse, flags: 6),
  ConnectRow(
    "13 only if connected", [.known, .neverConnected, .mds, .count(2)], .reuse, flags: 4),
  ConnectRow("14", [.known, .otherNID, .count(3)], refused: 14, 114),
  ConnectRow(
    "14 only if initial", [.known, .otherNID, .reconnecting, .validHandle, .count(3)], .reuse,
    flags: 6),
  ConnectRow("14 before 15", [.known, .otherNID, .noReverse, .count(3)], refused: 14, 114),
  ConnectRow("14 before 16", [.known, .otherNID, .otherHandle, .count(3)], refused: 14, 114),
  ConnectRow(
    "14 only if connected", [.known, .neverConnected, .otherNID, .count(2)], .reuse, flags: 4),
  ConnectRow("15", [.known, .neverConnected, .reconnecting, .count(2)], .reuse, flags: 4),
  ConnectRow("15 no remote handle", again + [.noReverse], .reuse, flags: 4),
  ConnectRow(
    "15 before 16", again + [.noReverse, .otherHandle], .reuse, flags: 4),
  ConnectRow("16", again + [.otherHandle], refused: 16, 114),
  ConnectRow("16 before 18", [.known, .otherHandle, .inProgress, .count(3)], refused: 16, 114),
  ConnectRow("17", again, .reuse, flags: 6),
  ConnectRow("17 initial, live", [.known, .count(3)], .reuse, flags: 6),
  ConnectRow("18", [.known, .inProgress, .count(3)], refused: 18, 16),
  ConnectRow("18 with a valid handle", again + [.inProgress], .reuse, flags: 6),
  ConnectRow(
    "18 before 19", [.known, .neverConnected, .inProgress, .count(1)], refused: 18, 16),
  ConnectRow("18 before 27", [.known, .inProgress, .count(2)], refused: 18, 16),
  ConnectRow("19", [.known, .neverConnected, .count(1)], refused: 19, 114),
  ConnectRow("19 not for a reconnect: 27 speaks", [.known, .count(1)], refused: 27, 114),
  ConnectRow("19 before 20", [.known, .neverConnected, .recovering, .count(1)], refused: 19, 114),
  ConnectRow(
    "19 before 25", [.known, .neverConnected, .count(1), .refuses(52)], refused: 19, 114),
  ConnectRow(
    "20", [.known, .neverConnected, .recovering, .count(2)], .reuse, flags: 5, startsTimer: true,
    counts: true),
  ConnectRow("20 not for a reconnect", again + [.recovering, .counted], .reuse, flags: 7),
  ConnectRow(
    "20 not for LWP", [.known, .neverConnected, .recovering, .lightweight, .count(2)], .reuse,
    flags: 4),
  ConnectRow("21, 22", again, .reuse, flags: 6),
  ConnectRow("22 not replayable", [.notReplayable], .create, flags: 0),
  ConnectRow("22 not replayable, again", again + [.notReplayable], .reuse, flags: 2),
  ConnectRow("23", [.recovering], refused: 23, 16, startsTimer: true),
  ConnectRow("23 not for LWP", [.recovering, .lightweight], .create, flags: 4),
  ConnectRow(
    "23 not for a new MDT", [.recovering, .betweenMDTs], .create, flags: 5, startsTimer: true),
  ConnectRow(
    "23 a new MDT is initial", [.recovering, .betweenMDTs, .reconnecting], refused: 23, 16,
    startsTimer: true),
  ConnectRow(
    "23 after eviction", [.recovering, .known, .mds, .count(1)], refused: 23, 16, evicts: true,
    startsTimer: true),
  ConnectRow("23 before 25", [.recovering, .refuses(52)], refused: 23, 16, startsTimer: true),
  ConnectRow("24", [], .create, flags: 4),
  ConnectRow("24 forgotten client", [.reconnecting, .count(4)], .create, flags: 4),
  ConnectRow("25 new", [.refuses(52)], refused: 25, 52),
  ConnectRow("25 known", again + [.refuses(71)], refused: 25, 71),
  ConnectRow("25 before 26", again + [.refuses(71), .gone], refused: 25, 71),
  ConnectRow("26", again + [.gone], refused: 26, 19),
  ConnectRow(
    "26 before 27", [.known, .reconnecting, .validHandle, .count(2), .gone], refused: 26, 19),
  ConnectRow("27 same", [.known, .reconnecting, .validHandle, .count(2)], refused: 27, 114),
  ConnectRow("27 older", [.known, .reconnecting, .validHandle, .count(1)], refused: 27, 114),
  ConnectRow("27 new client without a count", [.count(0)], refused: 27, 114),
  ConnectRow("27 before 31", [.count(0), .denied], refused: 27, 114),
  ConnectRow(
    "29", again + [.recovering], .reuse, flags: 7, counts: true),
  ConnectRow("29 once", again + [.recovering, .counted], .reuse, flags: 7),
  ConnectRow("29, 30 not for LWP", again + [.recovering, .lightweight], .reuse, flags: 6),
  ConnectRow("31", [.denied], refused: 31, 13),
  ConnectRow("31 known", again + [.denied], refused: 31, 13),
  ConnectRow("31 before 32", [.denied, .readOnlyTarget], refused: 31, 13),
  ConnectRow("32", [.readOnlyTarget], refused: 32, 30),
  ConnectRow("32 read-only mount", [.readOnlyTarget, .readOnly], .create, flags: 4),
]

func connectFacts(_ words: [ConnectWord]) -> ConnectFacts {
  var facts = ConnectFacts()
  facts.isInitial = true
  facts.clientHandle = 0x1122_3344_5566_7788
  facts.exportClientHandle = facts.clientHandle
  for word in words {
    switch word {
    case .noName: facts.hasTargetName = false
    case .noUUID: facts.hasClientUUID = false
    case .noClientHandle: facts.hasClientHandle = false
    case .data(let bytes): facts.connectDataBytes = bytes
    case .reconnecting: facts.isInitial = false
    case .libClient: facts.isLibClient = true
    case .count(let count): facts.connectionCount = count
    case .validHandle: facts.hasValidHandle = true
    case .mds: facts.asksMDS = true
    case .betweenMDTs: facts.asksBetweenMDTs = true
    case .noFID: facts.asksFID = false
    case .noVersion: facts.asksVersion = false
    case .lightweight: facts.asksLightweight = true
    case .readOnly: facts.asksReadOnly = true
    case .farVersion: facts.isVersionNear = false
    case .old: facts.asksFull20 = false
    case .unknown: facts.target = .unknown
    case .unavailable: facts.target = .unavailable
    case .refusing: facts.target = .refusing
    case .ownUUID: facts.isOwnUUID = true
    case .recovering: facts.isRecovering = true
    case .notReplayable: facts.isReplayable = false
    case .refuses(let errno): facts.targetRefusal = errno
    case .denied: facts.isAccessDenied = true
    case .readOnlyTarget: facts.isReadOnlyOnly = true
    case .known:
      facts.hasExport = true
      facts.exportConnectionCount = 2
    case .connecting: facts.isExportConnecting = true
    case .neverConnected: facts.exportConnectionCount = 0
    case .otherHandle: facts.exportClientHandle = 7
    case .noReverse: facts.hasReverseHandle = false
    case .otherNID: facts.isSameNID = false
    case .inProgress: facts.hasRequestsInProgress = true
    case .gone: facts.isExportGone = true
    case .counted: facts.isCountedInRecovery = true
    }
  }
  return facts
}
