package import Connections
package import LustreWire
package import Storage

/// What an operator wants a target to be.
package struct TargetSpecification: Sendable {
  package var kind: TargetKind
  /// 1 to 8 characters; empty for a management server.
  package var fileSystem: String
  /// 0 to 0xFFFF.
  package var index: UInt32
  /// Where the management server is, each node's NIDs, the usual node first; empty for the management server itself.
  package var managementNodes: [[NID]]
  /// Where else this target may be found, each node's NIDs: `--servicenode`.
  package var failoverNodes: [[NID]]
  /// `key=value` parameters that the target brings along (`sys.timeout=20`).
  package var parameters: [String]

  package init(kind: TargetKind, fileSystem: String = "", index: UInt32 = 0) {
    self.kind = kind
    self.fileSystem = fileSystem
    self.index = index
    managementNodes = []
    failoverNodes = []
    parameters = []
  }

  /// `lfs-OST0000`; `MGS`.
  package var name: String {
    let names = FileSystemNames(fileSystem)
    return switch kind {
    case .mgs: "MGS"
    case .mdt: names.metadataTarget(index)
    case .ost: names.objectTarget(index)
    }
  }

  /// `lfs-OST0000_UUID`; `MGS`.
  package var uuid: String { kind == .mgs ? name : name.uuid }

  /// What its disk must say of it.
  package var identity: TargetIdentity {
    let kind: TargetIdentity.Kind =
      switch kind {
      case .mgs: .management
      case .mdt: .metadata
      case .ost: .object
      }
    return TargetIdentity(
      kind: kind, name: ObdUUID(name) ?? ObdUUID(), uuid: ObdUUID(uuid) ?? ObdUUID(),
      fileSystem: ObdUUID(fileSystem) ?? ObdUUID(), index: index)
  }
}
