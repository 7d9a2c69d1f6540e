package import LustreWire

/// What an import is for: who connects to whom (spec 11 §1.1).
package enum ImportRole: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// Any node to the management server.
  case mgc
  /// A mount to a metadata target.
  case mdc
  /// A mount to an object target.
  case osc
  /// A metadata target to an object target.
  case ospToObjects
  /// A metadata target to another one.
  case ospToMetadata
  /// An object target to a metadata target, for the auxiliary services.
  case lwpOfObjects
  /// A metadata target to the first one, for the same.
  case lwpOfMetadata

  package var name: StaticString {
    switch self {
    case .mgc: "mgc"
    case .mdc: "mdc"
    case .osc: "osc"
    case .ospToObjects, .ospToMetadata: "osp"
    case .lwpOfObjects, .lwpOfMetadata: "lwp"
    }
  }

  package var connectOpcode: Opcode {
    switch self {
    case .mgc: .mgsConnect
    case .mdc, .ospToMetadata, .lwpOfObjects, .lwpOfMetadata: .mdsConnect
    case .osc, .ospToObjects: .ostConnect
    }
  }

  package var disconnectOpcode: Opcode {
    switch self {
    case .mgc: .mgsDisconnect
    case .mdc, .ospToMetadata, .lwpOfObjects, .lwpOfMetadata: .mdsDisconnect
    case .osc, .ospToObjects: .ostDisconnect
    }
  }

  /// The portal of requests that have no other of their own (spec 10 §6.6).
  package var requestPortal: Portal {
    switch self {
    case .mgc: .mgsRequest
    case .mdc, .lwpOfObjects, .lwpOfMetadata: .mdsRequest
    case .osc, .ospToObjects: .ostRequest
    case .ospToMetadata: .out
    }
  }

  package var replyPortal: Portal {
    switch self {
    case .mgc: .mgcReply
    case .mdc, .lwpOfObjects, .lwpOfMetadata: .mdcReply
    case .osc, .ospToObjects, .ospToMetadata: .oscReply
    }
  }

  /// The flavour word: its top byte says what kind of node asks (spec 10 §7).
  package var flavor: SecurityFlavor {
    switch self {
    case .mgc: .null(.mgc)
    case .mdc, .osc: .null(.client)
    case .ospToObjects, .ospToMetadata, .lwpOfMetadata: .null(.mdt)
    case .lwpOfObjects: .null(.ost)
    }
  }

  /// Whether unused imports disconnect (spec 11 §9.1).
  package var becomesIdle: Bool { self == .osc }

  /// Whether a refusal of access is taken to pass (spec 11 §9.6).
  package var isBetweenServers: Bool {
    switch self {
    case .ospToObjects, .ospToMetadata, .lwpOfObjects, .lwpOfMetadata: true
    case .mgc, .mdc, .osc: false
    }
  }
}
