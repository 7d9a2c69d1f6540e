internal import Connections
internal import LustreWire
internal import Verbena

/// The NIDs of a command line: each one, or a range such as `10.0.0.[1-8]@o2ib`.
enum Targets {
  /// What one command line may name: more is a slip of the pen.
  static let countMax = 4096

  static func expand(_ texts: [String]) throws(CommandFailure) -> [NID] {
    var nids: [NID] = []
    for text in texts {
      do throws(NIDTextError) {
        nids += try NIDRange(text: text).expanded(limit: countMax)
      } catch {
        throw CommandFailure(
          .usage, "'\(text)' is no NID: \(error); write ADDRESS@NETWORK, such as 10.0.0.1@o2ib")
      }
    }
    guard nids.count <= countMax else {
      throw CommandFailure(.usage, "\(nids.count) NIDs; at most \(countMax) at a time")
    }
    return nids
  }

  static func one(_ text: String) throws(CommandFailure) -> NID {
    let nids = try expand([text])
    guard nids.count == 1 else {
      throw CommandFailure(.usage, "'\(text)' is \(nids.count) NIDs; this takes one")
    }
    return nids[0]
  }

  /// A target by its name, with `_UUID` or without.
  static func named(
    _ text: String
  ) throws(CommandFailure) -> (uuid: ObdUUID, name: TargetName) {
    let full = text == "MGS" || text.hasSuffix("_UUID") ? text : "\(text)_UUID"
    guard let uuid = ObdUUID(full), let name = TargetName(uuid) else {
      throw CommandFailure(
        .usage, "'\(text)' is no target: write MGS, FSNAME-MDT0000 or FSNAME-OST0000")
    }
    return (uuid, name)
  }

  /// Where one target may be: the NIDs of a node with commas between, nodes with colons.
  static func ofTarget(_ text: String) throws(CommandFailure) -> [NID] {
    let nids = try ServerPlan.nodes(text).flatMap(\.self)
    guard (1...ConnectionList.countMax).contains(nids.count) else {
      throw CommandFailure(
        .usage, "'\(text)' is \(nids.count) NIDs; a target has 1 to \(ConnectionList.countMax)")
    }
    return nids
  }
}
