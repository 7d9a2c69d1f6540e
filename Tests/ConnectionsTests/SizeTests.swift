// Property: an idle import and its export take no more memory than design §4.15 allows, by record and table.
// Method: the sizes of the records and of what the tables keep beside them are added up and printed.
import PtlRPC
import Structures
import Testing

@testable import Connections

struct SizeTests {
  @Test func anIdleImportAndItsExportAreSmall() {
    // Beside a record: a mark, a link and an index entry of 16 bytes each time it can be looked up.
    let beside = 8
    let entry = 16
    // A wheel's entry, and PtlRPC's lists and estimates of an import.
    let timer = 40
    let lists = 160
    let importBytes = MemoryLayout<Import>.stride + beside + entry + timer + lists
    let exportBytes = MemoryLayout<Export>.stride + beside + 3 * entry + lists + 4
    print(
      "import \(MemoryLayout<Import>.stride) of which machine "
        + "\(MemoryLayout<ImportMachine>.stride), history \(MemoryLayout<StateHistory>.stride), "
        + "connections \(MemoryLayout<ConnectionList>.stride); "
        + "export \(MemoryLayout<Export>.stride); with tables \(importBytes) + \(exportBytes)")
    #expect(importBytes + exportBytes <= 1536)
  }

  @Test func eventsAreSmallAndTrivial() {
    #expect(MemoryLayout<ConnectionsEvent>.size <= 16)
    #expect(MemoryLayout<OwnRequest>.stride <= 64)
  }
}
