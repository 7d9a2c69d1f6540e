internal import ArgumentParser
internal import BenchKit
internal import LustreWire
internal import Roles
internal import Verbena

struct ObjectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "object", abstract: "Objects of an object target: store, fetch, remove, list.",
    discussion: """
      Objects are named SEQUENCE:ID, such as 0x2:0x11. New ones are made in sequence 2, that of Lustre's own echo client, \
      apart from the files of a file system; others are refused without --any-sequence. \
      Example, with the server of `verbena serve --help`:
        verbena object put --fabric demo 10.0.0.1@o2ib lfs-OST0000 FILE
      """,
    subcommands: [ObjectPut.self, ObjectGet.self, ObjectRemove.self, ObjectList.self])
}

/// What commands that connect to an object target have in common.
struct ObjectFlags: ParsableArguments {
  @Argument(
    help: "The NIDs of the target's node, with commas between; of its other nodes, behind colons.")
  var nid: String
  @Argument(help: "The target: lfs-OST0000.") var target: String
  @Option(help: Setting.checksumKind.help) var checksumKind: String?
  @Option(help: Setting.objectDeadline.help) var deadline: String?
  @Flag(help: "Take objects of other sequences than 2 too: they may be parts of files.")
  var anySequence = false
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func session() throws -> ObjectSession {
    let groups: [any FlagGroup] = [node, tunables, log]
    let settings = try Settings(
      [.checksumKind, .objectDeadline],
      flags: typed([
        Setting.checksumKind.name: checksumKind, Setting.objectDeadline.name: deadline,
      ]),
      environment: Resolved.environment)
    try Resolved.startLog(groups)
    return try ObjectSession(nid, target, Resolved.node(groups), settings)
  }

  /// An object of the command line; by default none that may be part of a file.
  func object(_ text: String) throws(CommandFailure) -> ObjectID {
    let object = try ObjectID(argument: text)
    guard anySequence || object.sequence == ObjectID.echoSequence else {
      throw CommandFailure(
        .usage,
        "'\(text)' is not in sequence 2, and may be part of a file: if it is meant, give --any-sequence"
      )
    }
    return object
  }
}

struct ObjectPut: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Store a file as an object; durable when the command ends.")

  @OptionGroup var flags: ObjectFlags
  @Argument(help: "The file.", completion: .file()) var file: String
  @Option(help: "The object that takes the place of a new one, and becomes as long as the file.")
  var id: String?

  func run() async throws {
    let session = try flags.session()
    let given = try id.map { try flags.object($0) }
    let source = try ObjectFile(reading: file)
    let byteCount = try source.byteCount()
    try await session.run { lustre, owner in
      let kind = try await session.kind(owner)
      let object = try await Self.place(given, lustre, owner, session.deadline)
      let transfer = ObjectTransfer(.write, object, byteCount, session, source)
      do {
        try await Self.fill(
          object, transfer, isCut: given != nil, lustre, owner, session.deadline)
      } catch {
        // Nobody knows the name of one that was made for this.
        if given == nil {
          await lustre.discard(object, on: owner, timeout: Farewell(after: error).removal)
        }
        throw error
      }
      Streams.output(transfer.report(kind))
    }
  }

  /// The object that was named, which must be there, or a new one.
  private static func place(
    _ given: ObjectID?, _ lustre: LustreNode, _ owner: Import, _ deadline: Duration
  ) async throws -> ObjectID {
    let wish = given.map { ObjectWish(.getAttributes, $0) } ?? ObjectWish(.create, .echo(1))
    let found = try await lustre.perform(wish, on: owner, timeout: deadline)
    return given ?? found.attributes.object
  }

  /// Writes it, ends it where the file ends, and makes it durable.
  private static func fill(
    _ object: ObjectID, _ transfer: ObjectTransfer, isCut: Bool, _ lustre: LustreNode,
    _ owner: Import, _ deadline: Duration
  ) async throws {
    try await transfer.run(lustre, owner)
    if isCut {
      var cut = ObjectWish(.punch, object)
      cut.offset = transfer.byteCount
      _ = try await lustre.perform(cut, on: owner, timeout: deadline)
    }
    // A disk that is slow, but works, has its time.
    let disk = Duration.seconds(Int64(transfer.byteCount / Self.diskBytesPerSecond))
    _ = try await lustre.perform(
      ObjectWish(.sync, object), on: owner, timeout: deadline + disk)
  }

  /// What a target's disk has to take in when everything is made durable at the end.
  private static let diskBytesPerSecond: UInt64 = 16 << 20
}

struct ObjectGet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Fetch an object into a file.",
    discussion:
      "With - for the file, the bytes go to standard output and the report to standard error.")

  @OptionGroup var flags: ObjectFlags
  @Argument(help: "The object, such as 0x2:0x11.") var object: String
  @Argument(help: "The file, which is overwritten.", completion: .file()) var file: String

  func run() async throws {
    let session = try flags.session()
    let object = try flags.object(object)
    try await session.run { lustre, owner in
      let kind = try await session.kind(owner)
      let found = try await lustre.perform(
        ObjectWish(.getAttributes, object), on: owner, timeout: session.deadline)
      let sink = try ObjectFile(writing: file)
      let transfer = ObjectTransfer(
        .read, object, found.attributes.size, session, sink)
      try await transfer.run(lustre, owner)
      let report = transfer.report(kind)
      if sink.isStream { Streams.error(report) } else { Streams.output(report) }
    }
  }
}

struct ObjectRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove objects.",
    discussion:
      "Goes on after one that cannot be removed, and then ends with status 2; 1 when none could.")

  @OptionGroup var flags: ObjectFlags
  @Argument(help: "The objects, such as 0x2:0x11.") var objects: [String]

  func run() async throws {
    let session = try flags.session()
    let objects = try objects.map { try flags.object($0) }
    try await session.run { lustre, owner in
      var failures = 0
      for object in objects {
        if session.interruption.isRequested {
          throw CommandFailure(.interrupted, "interrupted before \(object.text)")
        }
        do throws(NodeError) {
          _ = try await lustre.perform(
            ObjectWish(.destroy, object), on: owner, timeout: session.deadline)
        } catch {
          // A target that does not answer does not do so for the next one.
          if error.code == .timedOut { throw error }
          // The others may go all the same.
          failures += 1
          Streams.error("\(error)\n")
        }
      }
      guard failures == 0 else {
        throw CommandFailure(
          failures < objects.count ? .partial : .failed,
          "\(failures) of \(objects.count) objects not removed")
      }
    }
  }
}

struct ObjectList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List the objects of a running target with size and time.",
    discussion: "Asks the node itself, which runs on this host: no request of the protocol can.")

  @Argument(help: "The target: lfs-OST0000.") var target: String
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags

  func run() async throws {
    guard let owner = try RunningNodes.owner(of: Resolved.node([node, tunables])) else {
      throw CommandFailure(
        .unavailable, "no node of this user runs here, or none has that address: see --bind")
    }
    var found: [ListedObject] = []
    var cursor: UInt64 = 0
    repeat {
      let request = ControlRequest(words: ["object", "ls", target, String(cursor)])
      switch try ControlClient.ask(owner, request, timeoutMilliseconds: 10_000) {
      case .text(let text):
        let page = try ObjectListText(encoded: text)
        found += page.objects
        cursor = page.next
      case .failure(_, let explanation): throw CommandFailure(.failed, explanation)
      }
    } while cursor != 0
    found.sort {
      ($0.object.sequence, $0.object.number) < ($1.object.sequence, $1.object.number)
    }
    Streams.output(ObjectListText.table(found))
  }
}
