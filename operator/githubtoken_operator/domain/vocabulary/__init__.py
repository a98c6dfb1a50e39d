"""The words that everything else uses: values, reasons, errors, times, and what may be shown of them."""
