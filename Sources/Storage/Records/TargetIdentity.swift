package import LustreWire

/// Who a target is: what its disk is asked before anything else.
///
/// **Wire:** the header of `last_rcvd`, `struct lr_server_data` (spec 12 §6.2), as far as we need it.
package struct TargetIdentity: Equatable, Sendable, BitwiseCopyable {
  package enum Kind: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    case management = 1
    case metadata = 2
    case object = 3
  }

  package var kind: Kind
  /// `lfs-OST0000`, `MGS`.
  package var name: ObdUUID
  /// `lfs-OST0000_UUID`.
  package var uuid: ObdUUID
  /// Up to 8 characters; empty for a management server.
  package var fileSystem: ObdUUID
  /// The number at the end of the name.
  package var index: UInt32
  /// How often the target has been started: the instance that clients see. Every opening of its store adds one,
  /// durably, before the store is used.
  package var mountCount: UInt64

  package init(
    kind: Kind, name: ObdUUID, uuid: ObdUUID, fileSystem: ObdUUID = ObdUUID(), index: UInt32 = 0,
    mountCount: UInt64 = 0
  ) {
    self.kind = kind
    self.name = name
    self.uuid = uuid
    self.fileSystem = fileSystem
    self.index = index
    self.mountCount = mountCount
  }
}
