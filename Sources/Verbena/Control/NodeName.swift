package import LustreWire

/// Which node of this host is meant: a NID is one node's on a fabric, and one node's on the host's devices.
package struct NodeName: Sendable, Equatable, CustomStringConvertible {
  /// No part of a fabric's name, nor of a NID.
  private static let separator: Character = "+"
  static let socketEnding = ".sock"

  package let nid: NID
  /// The emulated fabric that it is on; nil for a device.
  package let fabric: String?
  /// Where its control socket is.
  private let directory: String

  package init(_ nid: NID, fabric: String? = nil, directory: String = RuntimeDirectory.path) {
    self.nid = nid
    self.fabric = fabric
    self.directory = directory
  }

  /// The node that a control socket is of; nil when the file is something else.
  package init?(fileName: String, directory: String) {
    guard fileName.hasSuffix(Self.socketEnding) else { return nil }
    let parts = fileName.dropLast(Self.socketEnding.count).split(
      separator: Self.separator, maxSplits: 1)
    guard let first = parts.first, let nid = NID(String(first)) else { return nil }
    self.init(nid, fabric: parts.count > 1 ? String(parts[1]) : nil, directory: directory)
  }

  /// The path of what belongs to it, without its ending.
  var path: String { "\(directory)/\(nid)" + (fabric.map { "\(Self.separator)\($0)" } ?? "") }

  var socketPath: String { path + Self.socketEnding }

  /// The NID, as users know it.
  package var description: String { "\(nid)" }
}
