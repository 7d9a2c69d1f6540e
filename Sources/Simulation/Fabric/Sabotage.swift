internal import LustreWire
internal import RDMATransport

/// Bugs on purpose, planted in the wire: each must be found by a checker, or the checker is worth nothing.
package struct Sabotage: Sendable {
  package enum Kind: Sendable, CaseIterable {
    /// A message arrives with one credit more than was sent.
    case extraCredit
    /// A message arrives with its credits taken out.
    case stolenCredits
    /// A message arrives twice.
    case duplicateMessage
    /// The data of a WRITE is in place only after the SEND that follows it.
    case writeAfterSend
    /// A receive that took a message never completes.
    case lostCompletion
    /// A bit of the payload of a PUT is flipped.
    case flippedPayload
  }

  /// What is planted; nil for an honest wire.
  package var kind: Kind?
  /// How many chances are let pass first.
  package var skip: Int

  package init(_ kind: Kind? = nil, skip: Int = 0) {
    self.kind = kind
    self.skip = skip
  }

  /// True once, at the chance after the skipped ones.
  private mutating func strikes(_ wanted: Kind) -> Bool {
    guard kind == wanted else { return false }
    guard skip == 0 else {
      skip -= 1
      return false
    }
    kind = nil
    return true
  }

  mutating func tamper(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= 48, kind != nil else { return bytes }
    var bytes = bytes
    if strikes(.extraCredit) { bytes[7] += 1 }
    if bytes[7] > 0, strikes(.stolenCredits) { bytes[7] = 0 }
    if Self.isPut(bytes), strikes(.flippedPayload) { bytes[bytes.count - 1] ^= 0x10 }
    return bytes
  }

  /// Whether it is an IMMEDIATE with a PUT in it that carries something to the portal of the operations
  /// (spec 01 §3.2, spec 02 §3).
  private static func isPut(_ bytes: [UInt8]) -> Bool {
    bytes.count > 120 && bytes[6] == 0xD1 && bytes[72] == 1
      && bytes[112] == Simulator.portal.rawValue
  }

  mutating func duplicates(_ bytes: [UInt8]) -> Bool { strikes(.duplicateMessage) }

  mutating func delaysWrite(byteCount: Int) -> Bool {
    byteCount > 0 && strikes(.writeAfterSend)
  }

  mutating func losesCompletion(_ completion: WorkCompletion) -> Bool {
    completion.status == .success && completion.operation == .receive
      && strikes(.lostCompletion)
  }
}

/// A WRITE that is still to be carried out at its sink.
struct LateWrite {
  var host: SimulatedHost
  var key: UInt32
  var address: UInt64
  var bytes: [UInt8]
}
