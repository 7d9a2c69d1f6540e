package import Connections
package import LustreWire

/// What the name of a target says: `MGS`, `lfs-MDT0000`, `lfs-OST000a`, as name or as UUID (spec 11 §1.2).
package struct TargetName: Equatable, Sendable {
  package let kind: TargetKind
  package let index: UInt32

  /// Nil for names of another form.
  package init?(_ uuid: ObdUUID) {
    var text = "\(uuid)"[...]
    if text.hasSuffix("_UUID") { text = text.dropLast(5) }
    if text == "MGS" {
      (kind, index) = (.mgs, 0)
      return
    }
    guard let dash = text.lastIndex(of: "-") else { return nil }
    let last = text[dash...].dropFirst()
    guard dash > text.startIndex, text.utf8.allSatisfy(Self.isNameByte) else { return nil }
    guard last.utf8.count == 7, let index = UInt32(last.dropFirst(3), radix: 16) else { return nil }
    switch last.prefix(3) {
    case "MDT": kind = .mdt
    case "OST": kind = .ost
    default: return nil
    }
    self.index = index
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }
}

extension ConnectionRole {
  /// What is proposed to a target of this name; nil where no such connection is made. A name that says nothing takes
  /// every role.
  func proposal(to target: ObdUUID) -> Proposal? {
    let name = TargetName(target)
    let role: ImportRole? =
      switch (self, name?.kind) {
      case (.mgc, .mgs), (.mgc, nil): .mgc
      case (.mdc, .mdt), (.mdc, nil): .mdc
      case (.osc, .ost), (.osc, nil): .osc
      case (.osp, .ost), (.osp, nil): .ospToObjects
      case (.osp, .mdt): .ospToMetadata
      case (.lwp, .mdt), (.lwp, nil): .lwpOfObjects
      case (.mgc, .mdt), (.mgc, .ost), (.mdc, .mgs), (.mdc, .ost), (.osc, .mgs), (.osc, .mdt),
        (.osp, .mgs), (.lwp, .mgs), (.lwp, .ost):
        nil
      }
    return role.map { Proposal(role: $0, targetIndex: name?.index ?? 0) }
  }

  /// The targets that it is for, in words.
  var targets: String {
    switch self {
    case .mgc: "the management server, MGS"
    case .mdc, .lwp: "metadata targets, such as lfs-MDT0000"
    case .osc: "object targets, such as lfs-OST0000"
    case .osp: "metadata and object targets, such as lfs-MDT0000 and lfs-OST0000"
    }
  }
}
