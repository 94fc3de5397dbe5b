import ProteanCatalogue

/// The texts of a new kernel's files: contract, arithmetic, driver and operation.
struct KernelTemplates {
    let names: LayerNames

    private var stem: String { names.stem }
    private var folder: String { names.family.rawValue.lowercased() }

    /// The driver's path.
    var source: String { "Kernels/\(folder)/\(stem).c" }

    var files: [LayerFiles.File] {
        [
            .init(path: "Kernels/include/ptn_\(stem).h", text: header),
            .init(path: "Kernels/\(folder)/\(stem).inc", text: arithmetic),
            .init(path: source, text: driver),
            .init(
                path: "Sources/Protean/Operations/Operations+\(names.type).swift", text: operation),
        ]
    }

    private var header: String {
        let guardName = "PTN_\(stem.uppercased())_H"
        return """
            // SCAFFOLD: what the kernel computes, in one line.
            #ifndef \(guardName)
            #define \(guardName)

            #include "ptn_runtime.h"

            // y[r, c] = x[r, c]. SCAFFOLD: formula, layout, what NaN does. x == y is allowed.
            PTN_MUST_CHECK ptn_status ptn_\(stem)(const ptn_runtime *runtime, size_t rows, size_t channels,
                                                  const float *x, float *y);

            #endif

            """
    }

    private var arithmetic: String {
        """
        // SCAFFOLD: one row.

        static void PTN_NAME(\(stem)_row)(size_t channels, const float *x, float *y) {
            size_t c = 0;
            for (; c + PTN_V_LEN <= channels; c += PTN_V_LEN) vstore(y + c, vload(x + c));
            if (c < channels) vstore_n(y + c, vload_n(x + c, channels - c), channels - c);
        }

        """
    }

    private var driver: String {
        """
        // SCAFFOLD: what a task is. Here: a few rows.
        #include "ptn_\(stem).h"
        #include "../tensor/map.h"

        #define PTN_SOURCE "../\(folder)/\(stem).inc"
        #include "../core/foreach_isa.h"

        typedef void (*\(stem)_row_fn)(size_t channels, const float *x, float *y);
        static const \(stem)_row_fn \(stem)_row[PTN_ISA_COUNT] = PTN_TABLE(\(stem)_row);

        typedef struct \(stem)_job {
            \(stem)_row_fn row;
            size_t rows, rows_per_task, channels;
            const float *x;
            float *y;
        } \(stem)_job;

        static void run_rows(void *context, size_t index, int thread) {
            (void)thread;
            const \(stem)_job *j = context;
            const size_t end = ptn_min((index + 1) * j->rows_per_task, j->rows);
            for (size_t r = index * j->rows_per_task; r < end; r++)
                j->row(j->channels, j->x + r * j->channels, j->y + r * j->channels);
        }

        ptn_status ptn_\(stem)(const ptn_runtime *runtime, size_t rows, size_t channels, const float *x,
                               float *y) {
            const ptn_status status = ptn_runtime_check(runtime);
            if (status != PTN_OK) return status;
            size_t bytes;
            if (!ptn_float_bytes(rows, channels, 1, 1, &bytes)) return PTN_SIZE_OVERFLOW;
            if (bytes == 0) return PTN_OK;
            \(stem)_job j = {.row = \(stem)_row[runtime->isa],
                .rows = rows,
                .rows_per_task = ptn_max(1, PTN_CHUNK / channels),
                .channels = channels,
                .x = x,
                .y = y};
            ptn_parallel(ptn_threads_for_floats(runtime, 2 * rows * channels),
                         ptn_div_up(rows, j.rows_per_task), run_rows, &j);
            return PTN_OK;
        }

        """
    }

    private var operation: String {
        """
        import CProteanKernels

        extension Operations {
            /// SCAFFOLD: the formula, on rows of channels.
            ///
            /// - Throws: ``ProteanError`` when memory is short.
            public static func \(names.member)(_ x: Tensor) throws(ProteanError) -> Tensor {
                let channels = x.shape.last ?? 1
                return try filling(x.shape, for: "\(names.member)", from: [x]) { runtime, inputs, y in
                    ptn_\(stem)(
                        runtime, channels == 0 ? 0 : x.count / channels, channels, inputs[0], y)
                }
            }
        }

        """
    }
}
