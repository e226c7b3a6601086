-- In the form of an export of phpMyAdmin 5: no server printed this.

SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";

CREATE TABLE `lines` (
  `order_id` int(11) DEFAULT NULL,
  `id` int(11) NOT NULL,
  `sku` varchar(20) DEFAULT NULL,
  `qty` smallint(5) UNSIGNED NOT NULL DEFAULT 1
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

INSERT INTO `lines` (`order_id`, `id`, `sku`, `qty`) VALUES
(1, 1, 'A;1', 2);

--
-- Indexes for table `lines`
--
ALTER TABLE `lines`
  ADD PRIMARY KEY (`id`,`order_id`),
  ADD UNIQUE KEY `sku` (`sku`);

ALTER TABLE `lines`
  MODIFY `id` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=2;

ALTER TABLE `lines`
  ADD CONSTRAINT `lines_1` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`);
COMMIT;
