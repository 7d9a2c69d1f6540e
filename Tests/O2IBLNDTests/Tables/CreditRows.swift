// Spec 02 §7.2, §7.3 and §3.2, copied by hand: what a message needs, and what its buffer gives back.

import LustreWire

@testable import O2IBLND

/// §7.2: what happened to a received message, and the account afterwards: ΔO, ΔR.
struct ReceiveRow {
  var cause: RepostCause
  var owed: Int32
  var reserved: Int32
}

let receiveRows: [ReceiveRow] = [
  ReceiveRow(cause: .immediateConsumed, owed: 1, reserved: 0),
  ReceiveRow(cause: .putAcknowledged, owed: 0, reserved: 0),
  ReceiveRow(cause: .putRefused, owed: 1, reserved: 0),
  ReceiveRow(cause: .putDone, owed: 1, reserved: 0),
  ReceiveRow(cause: .getAnswered, owed: 1, reserved: 0),
  ReceiveRow(cause: .putAcknowledgeReceived, owed: 0, reserved: 1),
  ReceiveRow(cause: .putNakReceived, owed: 0, reserved: 1),
  ReceiveRow(cause: .getDoneReceived, owed: 0, reserved: 1),
  ReceiveRow(cause: .noopReceived, owed: 0, reserved: 0),
]

/// §7.3: what posting a message takes: ΔC, ΔR; and whether it goes with C = 0, and with R = 0.
struct SendRow {
  var type: O2IBMessageType
  var credits: Int32
  var reserved: Int32
}

let sendRows: [SendRow] = [
  SendRow(type: .noop, credits: 0, reserved: 0),
  SendRow(type: .immediate, credits: -1, reserved: 0),
  SendRow(type: .putRequest, credits: -1, reserved: -1),
  SendRow(type: .putNak, credits: 0, reserved: 0),
  SendRow(type: .putAcknowledge, credits: 0, reserved: 0),
  SendRow(type: .putDone, credits: 0, reserved: 0),
  SendRow(type: .getRequest, credits: -1, reserved: -1),
  SendRow(type: .getDone, credits: 0, reserved: 0),
]
