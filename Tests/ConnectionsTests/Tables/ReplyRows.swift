// What a CONNECT's reply does, written by hand from spec 11 §9.5 and §9.6; the last rows are what real nodes
// showed (§17.2).
@testable import Connections

/// Words for what is special about a row; everything else is as in a plain reconnect.
enum ReplyWord {
  case closed, invalid, noCachedData, interruptedInWait
  case errno(Int32), noData, noExport, moreThanAsked, betweenMDTs, farVersion, noChecksum
  case initial, recovering, reconnect, replayable, lightweight, newHandle, noHandle, older
}

struct ReplyRow {
  let name: String
  let words: [ReplyWord]
  let row: UInt8
  let state: ImportState
  var errno: Int32 = 0
  /// Whether cookie A is the reply's afterwards.
  var adopts = true
}

let replyRows: [ReplyRow] = [
  ReplyRow(name: "0 closed", words: [.closed, .newHandle], row: 0, state: .closed, adopts: false),
  ReplyRow(
    name: "0 before 1", words: [.closed, .errno(110)], row: 0, state: .closed, adopts: false),
  ReplyRow(
    name: "1", words: [.errno(107)], row: 1, state: .disconnected, errno: 107, adopts: false),
  ReplyRow(
    name: "1 before 2", words: [.errno(16), .noData], row: 1, state: .disconnected, errno: 16,
    adopts: false),
  ReplyRow(name: "2", words: [.noData], row: 2, state: .disconnected, errno: 71, adopts: false),
  ReplyRow(
    name: "2 before 3", words: [.noData, .noExport], row: 2, state: .disconnected, errno: 71,
    adopts: false),
  ReplyRow(name: "3", words: [.noExport], row: 3, state: .disconnected, errno: 19, adopts: false),
  ReplyRow(
    name: "3 before 4", words: [.noExport, .moreThanAsked], row: 3, state: .disconnected,
    errno: 19, adopts: false),
  ReplyRow(
    name: "4", words: [.moreThanAsked], row: 4, state: .disconnected, errno: 71, adopts: false),
  ReplyRow(
    name: "4 before 8", words: [.initial, .recovering, .moreThanAsked, .newHandle], row: 4,
    state: .disconnected, errno: 71, adopts: false),
  ReplyRow(
    name: "5", words: [.betweenMDTs, .farVersion], row: 5, state: .disconnected, errno: 71,
    adopts: false),
  ReplyRow(
    name: "5 not for clients", words: [.farVersion, .reconnect], row: 15, state: .recover),
  ReplyRow(name: "5 near", words: [.betweenMDTs, .reconnect], row: 15, state: .recover),
  ReplyRow(
    name: "6", words: [.noChecksum, .initial, .newHandle], row: 6, state: .disconnected,
    errno: 71, adopts: false),
  ReplyRow(name: "8", words: [.initial, .recovering, .newHandle], row: 8, state: .replayLocks),
  ReplyRow(name: "9", words: [.initial, .replayable, .newHandle], row: 9, state: .full),
  ReplyRow(
    name: "9 whatever it says else", words: [.initial, .reconnect, .newHandle], row: 9,
    state: .full),
  ReplyRow(
    name: "10", words: [.reconnect, .noHandle], row: 10, state: .disconnected, errno: 107,
    adopts: false),
  ReplyRow(
    name: "10 recovering", words: [.reconnect, .recovering, .noHandle], row: 10,
    state: .disconnected, errno: 107, adopts: false),
  ReplyRow(name: "11", words: [.reconnect, .newHandle], row: 11, state: .evicted),
  ReplyRow(name: "12", words: [.reconnect, .recovering, .newHandle], row: 14, state: .replay),
  ReplyRow(name: "13", words: [.reconnect, .invalid], row: 13, state: .evicted),
  ReplyRow(
    name: "13 before 14", words: [.reconnect, .recovering, .invalid], row: 13, state: .evicted),
  ReplyRow(name: "14", words: [.reconnect, .recovering], row: 14, state: .replay),
  ReplyRow(
    name: "14 interrupted", words: [.reconnect, .recovering, .interruptedInWait], row: 14,
    state: .replayLocks),
  ReplyRow(name: "15", words: [.reconnect], row: 15, state: .recover),
  ReplyRow(
    name: "15 before 17", words: [.reconnect, .lightweight], row: 15, state: .recover),
  ReplyRow(name: "16", words: [.recovering, .newHandle], row: 16, state: .replay),
  ReplyRow(
    name: "16 from wait", words: [.recovering, .newHandle, .interruptedInWait], row: 16,
    state: .replay),
  ReplyRow(
    name: "16 invalid", words: [.recovering, .newHandle, .invalid], row: 18, state: .evicted),
  ReplyRow(name: "17", words: [.lightweight, .newHandle], row: 17, state: .recover),
  ReplyRow(
    name: "16 before 17", words: [.recovering, .lightweight, .newHandle], row: 16, state: .replay),
  ReplyRow(
    name: "17 invalid", words: [.lightweight, .newHandle, .invalid], row: 18, state: .evicted),
  ReplyRow(name: "18 no data", words: [.newHandle, .noCachedData], row: 18, state: .full),
  ReplyRow(name: "18", words: [.newHandle], row: 18, state: .evicted),
  ReplyRow(name: "19", words: [.reconnect, .older], row: 15, state: .recover),
  ReplyRow(
    name: "17.2 MGS, first not sent", words: [.initial, .reconnect, .newHandle], row: 9,
    state: .full),
  ReplyRow(
    name: "17.2 OST restarted", words: [.recovering, .replayable, .newHandle], row: 16,
    state: .replay),
  ReplyRow(
    name: "17.2 MGS rebooted", words: [.reconnect, .newHandle], row: 11, state: .evicted),
  ReplyRow(name: "17.2 evicted", words: [.replayable, .newHandle], row: 18, state: .evicted),
]

struct FailureRow {
  let errno: Int32
  var otherVersion = false
  var betweenServers = false
  var rested = false
  let reaction: FailureReaction
}

let failureRows: [FailureRow] = [
  FailureRow(errno: 16, reaction: .sameConnection),
  FailureRow(errno: 11, reaction: .sameConnection),
  FailureRow(errno: 13, reaction: .deactivate),
  FailureRow(errno: 30, reaction: .deactivate),
  FailureRow(errno: 13, betweenServers: true, reaction: .sameConnection),
  FailureRow(errno: 30, betweenServers: true, reaction: .sameConnection),
  FailureRow(errno: 71, reaction: .retry),
  FailureRow(errno: 71, otherVersion: true, reaction: .close),
  FailureRow(errno: 19, reaction: .retry),
  FailureRow(errno: 19, rested: true, reaction: .retryAtOnce),
  FailureRow(errno: 110, reaction: .retry),
  FailureRow(errno: 110, rested: true, reaction: .retryAtOnce),
  FailureRow(errno: 114, rested: true, reaction: .retry),
  FailureRow(errno: 107, reaction: .retry),
  FailureRow(errno: 52, otherVersion: true, reaction: .retry),
]
